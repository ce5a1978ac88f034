"""The embedded MoveNet Thunder as a top-down model of MMPose; its weights are ``assets/movenet_thunder_fp16.onnx``."""

default_scope = "mmpose"

model = {
    "type": "TopdownPoseEstimator",
    # the network scales colours itself
    "data_preprocessor": {"type": "PoseDataPreprocessor", "mean": [0, 0, 0], "std": [1, 1, 1], "bgr_to_rgb": True},
    "backbone": {"type": "MoveNetBackbone"},
    "head": {"type": "MoveNetHead", "size": 256},
    "test_cfg": {"flip_test": False},
}

test_dataloader = {
    "dataset": {
        "type": "CocoDataset",
        "pipeline": [
            {"type": "LoadImage"},
            {"type": "GetBBoxCenterScale", "padding": 1.25},
            {"type": "TopdownAffine", "input_size": (256, 256)},
            {"type": "PackPoseInputs"},
        ],
    }
}
