// What of three.js the page uses; everything else is left out of the bundle.
export {
  BufferAttribute, BufferGeometry, CanvasTexture, CircleGeometry, CylinderGeometry, DoubleSide, FrontSide, Group,
  InstancedBufferAttribute, InstancedMesh, LineBasicMaterial, LineSegments, LinearFilter, Matrix4, Mesh,
  MeshBasicMaterial, PerspectiveCamera, Quaternion, RingGeometry, SRGBColorSpace, Scene, ShaderMaterial,
  SphereGeometry, Sprite, SpriteMaterial, Vector3, WebGLRenderer,
} from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
