// What of three.js the page uses; everything else is left out of the bundle.
export {
  BufferAttribute, BufferGeometry, CanvasTexture, CircleGeometry, Color, CylinderGeometry, DoubleSide, FrontSide,
  Group, InstancedBufferAttribute, InstancedMesh, LineBasicMaterial, LinearFilter, LineSegments, Matrix4, Mesh, MeshBasicMaterial,
  PerspectiveCamera, PlaneGeometry, Quaternion, RingGeometry, Scene, ShaderMaterial, SphereGeometry, Sprite,
  SpriteMaterial, SRGBColorSpace, Vector3, WebGLRenderer,
} from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
