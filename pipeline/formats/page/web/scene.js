// The 3D scene: floor, axes, the camera with its picture, people; turned, moved and zoomed by mouse, finger or keys.
import { Figures } from "./figures.js";
import { JOINTS, rowOf } from "./model.js";

const THEMES = {
  dark: { sky: 0x161b26, grid: 0x33405a, strong: 0x55678c, camera: 0xa9b8d4, centre: [222, 228, 238], second: [255, 255, 255] },
  light: { sky: 0xf3f5f9, grid: 0xcdd5e2, strong: 0x93a2bb, camera: 0x44536e, centre: [92, 104, 126], second: [20, 24, 34] },
};
const AXES = [[0xe5484d, "x"], [0x30a46c, "y"], [0x3e8bff, "z"]];
/** Distance at which the picture of the camera stands before it, metres. */
const PICTURE_M = 0.8, PICTURE_PX = 320;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Scene {
  /** canvas: where to draw; video: whose picture the camera shows. Raises an Error where there is no WebGL. */
  constructor(canvas, model, video, redraw) {
    Object.assign(this, { canvas, model, video, redraw });
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true, powerPreference: "high-performance" });
    this.scene = new THREE.Scene();
    this.viewer = new THREE.PerspectiveCamera(45, 1, 0.05, 500);
    this.controls = new THREE.OrbitControls(this.viewer, canvas);
    this.controls.addEventListener("change", redraw);
    this.figures = new Figures(model.json, model.people.length);
    this.others = [];
    this.scene.add(this.figures.group);
    this.labels = new Map();
    this.theme = "dark";
    /** Share of the pixels each way: less while a machine cannot keep up with the film. */
    this.quality = 1;
    this.addCamera();
    this.resize();
    this.fit();
    canvas.addEventListener("keydown", event => this.key(event));
    canvas.addEventListener("webglcontextlost", event => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", redraw);
  }

  setTheme(name) {
    this.theme = name;
    const theme = THEMES[name];
    this.renderer.setClearColor(theme.sky);
    this.addFloor(theme);
    this.frustum.material.color.set(theme.camera);
    this.redraw();
  }

  /** People of a second result, drawn beside the others. */
  setOthers(people) {
    this.others = people;
    this.figures.resize(this.model.people.length + people.length);
    this.redraw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const ratio = this.quality * Math.min(2, devicePixelRatio || 1);
    const size = `${width} ${height} ${ratio}`;
    if (size === this.size) return;
    this.size = size;
    this.renderer.setPixelRatio(ratio);
    this.renderer.setSize(width, height, false);
    this.viewer.aspect = width / height;
    this.viewer.updateProjectionMatrix();
  }

  draw(frame, look, pictureShown) {
    this.resize();
    this.placeCamera(frame, look.camera, pictureShown);
    const theme = THEMES[this.theme];
    const everybody = [...this.model.people, ...this.others];
    this.figures.update(everybody, frame, this.model.frames,
      { ...look, centreColour: theme.centre, secondColour: theme.second }, this.viewer.quaternion);
    this.placeLabels(frame, everybody.length > 1);
    this.renderer.render(this.scene, this.viewer);
  }

  /** Everybody in sight, from obliquely behind the camera; with it, too, in a frame that is given. */
  fit(frame = null) {
    const { low, high } = this.bounds(), matrix = frame === null ? null : this.matrix(frame);
    if (matrix) {
      const eye = new THREE.Vector3().setFromMatrixPosition(matrix);
      low.min(eye);
      high.max(eye);
    }
    this.centre = low.clone().add(high).multiplyScalar(0.5);
    this.viewer.fov = 40;
    this.viewer.updateProjectionMatrix();
    this.viewer.position.copy(this.centre).add(new THREE.Vector3(0.55, 0.34, 0.8));
    this.viewer.lookAt(this.centre);
    this.viewer.updateMatrixWorld();
    // Just far enough for every corner of the box around everybody.
    const back = new THREE.Vector3(), right = new THREE.Vector3(), up = new THREE.Vector3(), corner = new THREE.Vector3();
    this.viewer.matrixWorld.extractBasis(right, up, back);
    const tall = Math.tan(this.viewer.fov * Math.PI / 360), wide = tall * this.viewer.aspect;
    let distance = 1.5;
    for (let i = 0; i < 8; i++) {
      corner.set(i & 1 ? high.x : low.x, i & 2 ? high.y : low.y, i & 4 ? high.z : low.z).sub(this.centre);
      const needed = Math.max(Math.abs(corner.dot(right)) / wide, Math.abs(corner.dot(up)) / tall);
      distance = Math.max(distance, needed + corner.dot(back));
    }
    this.viewer.position.copy(this.centre).addScaledVector(back, 1.04 * distance);
    this.controls.target.copy(this.centre);
    this.controls.update();
    this.redraw();
  }

  /** What the video camera sees in a frame, as far as this window has its shape. */
  fromCamera(frame) {
    const matrix = this.matrix(frame), [width, height] = this.model.json.image_size, K = this.model.json.K;
    if (!matrix) return;
    const eye = new THREE.Vector3().setFromMatrixPosition(matrix);
    const forward = new THREE.Vector3(0, 0, 1).transformDirection(matrix);
    const vertical = 2 * Math.atan(height / 2 / K[1][1]), shape = width / height;
    const own = this.viewer.aspect >= shape ? vertical : 2 * Math.atan(Math.tan(vertical / 2) * shape / this.viewer.aspect);
    this.viewer.fov = own * 180 / Math.PI;
    this.viewer.updateProjectionMatrix();
    this.viewer.position.copy(eye);
    const distance = Math.max(1, this.centre.clone().sub(eye).dot(forward));
    this.controls.target.copy(eye).add(forward.multiplyScalar(distance));
    this.controls.update();
    this.redraw();
  }

  bounds() {
    const low = new THREE.Vector3(Infinity, Infinity, Infinity), high = low.clone().negate();
    const spread = [[], [], []];
    for (const person of this.model.people) {
      const every = Math.max(1, Math.floor(person.length / 200));
      for (let row = 0; row < person.length; row += every) {
        for (let axis = 0; axis < 3; axis++) {
          const value = person.joints[row * JOINTS * 3 + axis];
          if (Number.isFinite(value)) spread[axis].push(value);
        }
      }
    }
    if (!spread[0].length) return { low: new THREE.Vector3(-1, 0, -4), high: new THREE.Vector3(1, 1.8, -2) };
    spread.forEach((values, axis) => {
      values.sort((a, b) => a - b);
      low.setComponent(axis, values[Math.floor(values.length * 0.01)] - 0.15);
      high.setComponent(axis, values[Math.floor((values.length - 1) * 0.99)] + 0.15);
    });
    low.y = Math.min(0, low.y);
    high.y = Math.max(1.7, high.y);
    return { low, high };
  }

  addFloor(theme) {
    this.floor?.removeFromParent();
    const floor = this.floor = new THREE.Group(), { low, high } = this.bounds();
    const half = Math.min(40, Math.max(4, Math.ceil(Math.max(high.x - low.x, high.z - low.z) / 2 + 2)));
    const [cx, cz] = [Math.round((low.x + high.x) / 2), Math.round((low.z + high.z) / 2)];
    const lines = [];
    for (let i = -half; i <= half; i++) {
      lines.push(cx + i, 0, cz - half, cx + i, 0, cz + half, cx - half, 0, cz + i, cx + half, 0, cz + i);
    }
    floor.add(segments(lines, theme.grid));
    // The axes of the world stand at its origin, below the first camera.
    AXES.forEach(([colour], axis) => {
      const end = [0, 0, 0];
      end[axis] = 0.6;
      floor.add(segments([0, 0.003, 0, ...end], colour));
    });
    AXES.forEach(([colour, name], axis) => {
      const label = textSprite(name, colour, 0.16);
      label.position.setComponent(axis, 0.7);
      floor.add(label);
    });
    this.scene.add(floor);
  }

  addCamera() {
    const [width, height] = this.model.json.image_size, K = this.model.json.K;
    const corners = [[0, 0], [width, 0], [width, height], [0, height]].map(([u, v]) =>
      [(u - K[0][2]) / K[0][0] * PICTURE_M, (v - K[1][2]) / K[1][1] * PICTURE_M, PICTURE_M]);
    const lines = corners.flatMap((corner, index) => [0, 0, 0, ...corner, ...corner, ...corners[(index + 1) % 4]]);
    this.camera = new THREE.Group();
    this.camera.matrixAutoUpdate = false;
    this.frustum = segments(lines, 0xffffff);
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(corners.flat()), 3));
    geometry.setAttribute("uv", new THREE.BufferAttribute(new Float32Array([0, 1, 1, 1, 1, 0, 0, 0]), 2));
    geometry.setIndex([0, 1, 2, 0, 2, 3]);
    this.screen = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({ side: THREE.DoubleSide }));
    this.camera.add(this.frustum, this.screen);
    this.scene.add(this.camera);
  }

  matrix(frame) {
    const values = this.model.frames.matrices.subarray(12 * frame, 12 * frame + 12);
    return values.length === 12 && values.every(Number.isFinite) ? new THREE.Matrix4().set(...values, 0, 0, 0, 1) : null;
  }

  placeCamera(frame, shown, pictureShown) {
    const matrix = this.matrix(frame);
    this.camera.visible = shown && matrix !== null;
    if (matrix) {
      this.camera.matrix.copy(matrix);
      // Whoever looks through it does not see it.
      if (new THREE.Vector3().setFromMatrixPosition(matrix).distanceTo(this.viewer.position) < 0.3) this.camera.visible = false;
    }
    this.camera.matrixWorldNeedsUpdate = true;
    this.screen.visible = pictureShown && this.video.readyState >= 2 && this.video.videoWidth > 0;
    if (this.camera.visible && this.screen.visible) this.takePicture();
  }

  /** What the video shows now goes onto the screen of the camera, small: it is drawn small. */
  takePicture() {
    if (!this.picture) {
      const [width, height] = this.model.json.image_size, canvas = document.createElement("canvas");
      canvas.width = PICTURE_PX;
      canvas.height = Math.max(1, Math.round(PICTURE_PX * height / width));
      this.small = canvas.getContext("2d");
      this.picture = new THREE.CanvasTexture(canvas);
      this.picture.colorSpace = THREE.SRGBColorSpace;
      this.picture.generateMipmaps = false;
      this.picture.minFilter = THREE.LinearFilter;
      this.screen.material.map = this.picture;
      this.screen.material.needsUpdate = true;
    }
    this.small.drawImage(this.video, 0, 0, this.small.canvas.width, this.small.canvas.height);
    this.picture.needsUpdate = true;
  }

  placeLabels(frame, several) {
    for (const person of [...this.model.people]) {
      const row = rowOf(person, frame);
      let label = this.labels.get(person);
      if (!several || row < 0 || !person.visible) { if (label) label.visible = false; continue; }
      if (!label) {
        label = textSprite(person.name, (person.colour[0] << 16) + (person.colour[1] << 8) + person.colour[2], 0.22, true);
        this.labels.set(person, label);
        this.scene.add(label);
      }
      const at = (row * JOINTS + this.figures.head) * 3;
      label.visible = true;
      label.position.set(person.joints[at], person.joints[at + 1] + 0.28, person.joints[at + 2]);
    }
  }

  /** Arrows turn, with Shift they move, + and - zoom, 0 shows everybody. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const offset = this.viewer.position.clone().sub(this.controls.target);
    if (KEYS[event.key]) {
      const [across, down] = KEYS[event.key];
      if (event.shiftKey) {
        const right = new THREE.Vector3().setFromMatrixColumn(this.viewer.matrix, 0);
        const step = right.multiplyScalar(across).add(new THREE.Vector3(0, -down, 0)).multiplyScalar(0.05 * offset.length());
        this.viewer.position.add(step);
        this.controls.target.add(step);
      } else {
        const length = offset.length(), yaw = Math.atan2(offset.x, offset.z) - across * 0.12;
        const pitch = Math.min(1.5, Math.max(-1.5, Math.asin(offset.y / length) - down * 0.12));
        offset.set(Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch)).multiplyScalar(length);
        this.viewer.position.copy(this.controls.target).add(offset);
      }
    } else if (event.key === "+" || event.key === "=" || event.key === "-") {
      this.viewer.position.copy(this.controls.target).add(offset.multiplyScalar(event.key === "-" ? 1.12 : 1 / 1.12));
    } else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.controls.update();
    this.redraw();
  }
}

function segments(points, colour) {
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(points), 3));
  return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: colour }));
}

/** Text that always faces the viewer. */
function textSprite(text, colour, height, chip = false) {
  const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
  const font = "600 44px system-ui, sans-serif";
  context.font = font;
  canvas.width = Math.ceil(context.measureText(text).width) + 28;
  canvas.height = 64;
  const fill = `#${colour.toString(16).padStart(6, "0")}`;
  if (chip) { context.fillStyle = fill; context.beginPath(); context.roundRect(0, 0, canvas.width, 64, 14); context.fill(); }
  context.font = font;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = chip ? "#10141c" : fill;
  context.fillText(text, canvas.width / 2, 34);
  const texture = new THREE.CanvasTexture(canvas);
  texture.colorSpace = THREE.SRGBColorSpace;
  const sprite = new THREE.Sprite(new THREE.SpriteMaterial({ map: texture, depthTest: false }));
  sprite.scale.set(height * canvas.width / 64, height, 1);
  sprite.renderOrder = 10;
  return sprite;
}
