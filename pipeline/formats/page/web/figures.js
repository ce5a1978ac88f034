// Everybody's body in the scene: a few instanced meshes for all joints and bones of all people.
import { JOINTS, rowOf } from "./model.js";
import { rayOf } from "./quantities.js";

/** Metres; limbs are slimmer than bodies, so that crossing ones can be told apart. */
const RADII = { pelvis: 0.055, hip: 0.05, knee: 0.043, ankle: 0.033, spine: 0.055, thorax: 0.055, nose: 0.03, head_top: 0.03,
  shoulder: 0.045, elbow: 0.036, wrist: 0.028 };
const HEAD_M = 0.1, BONE_SHARE = 0.72;
/** Deviations between these fade a joint, metres. */
const FADE_M = [0.03, 0.2];
const SHADER = {
  vertexShader: `attribute vec4 tint; varying vec4 colour; varying vec3 facing;
    void main() {
      mat3 turn = mat3(instanceMatrix);
      vec3 squares = vec3(dot(turn[0], turn[0]), dot(turn[1], turn[1]), dot(turn[2], turn[2]));
      facing = normalMatrix * (turn * (normal / max(squares, vec3(1e-12))));
      colour = tint;
      gl_Position = projectionMatrix * modelViewMatrix * instanceMatrix * vec4(position, 1.0);
    }`,
  fragmentShader: `uniform float shade; varying vec4 colour; varying vec3 facing;
    void main() {
      if (colour.a < 0.01) discard;
      float light = max(dot(normalize(facing), normalize(vec3(0.35, 0.75, 0.6))), 0.0);
      gl_FragColor = vec4(colour.rgb * mix(1.0, 0.62 + 0.5 * light, shade), colour.a);
    }`,
};

class Instances {
  constructor(geometry, capacity, shade, depthWrite = true) {
    const material = new THREE.ShaderMaterial({
      ...SHADER, uniforms: { shade: { value: shade } }, transparent: true, depthWrite,
      side: shade ? THREE.FrontSide : THREE.DoubleSide,
    });
    this.tints = new THREE.InstancedBufferAttribute(new Float32Array(4 * Math.max(1, capacity)), 4);
    geometry.setAttribute("tint", this.tints);
    this.mesh = new THREE.InstancedMesh(geometry, material, Math.max(1, capacity));
    this.mesh.frustumCulled = false;
    this.mesh.count = 0;
  }

  clear() { this.mesh.count = 0; }

  add(matrix, colour, alpha) {
    const at = this.mesh.count++;
    this.mesh.setMatrixAt(at, matrix);
    this.tints.setXYZW(at, colour[0] / 255, colour[1] / 255, colour[2] / 255, alpha);
  }

  done() {
    this.mesh.instanceMatrix.needsUpdate = true;
    this.tints.needsUpdate = true;
  }
}

export class Figures {
  constructor(json, capacity) {
    this.json = json;
    this.radii = json.joint_names.map(name => RADII[name.replace(/^(left|right)_/, "")]);
    this.nose = json.joint_names.indexOf("nose");
    this.head = json.joint_names.indexOf("head_top");
    this.ankles = ["right_ankle", "left_ankle"].map(name => json.joint_names.indexOf(name));
    this.resize(capacity);
  }

  /** Room for so many people. */
  resize(capacity) {
    this.capacity = capacity;
    const old = this.group, group = this.group = new THREE.Group();
    if (old) {
      old.parent?.add(group);
      old.removeFromParent();
      old.children.forEach(mesh => { mesh.geometry.dispose(); mesh.material.dispose(); mesh.dispose(); });
    }
    this.bones = new Instances(new THREE.CylinderGeometry(1, 1, 1, 10, 1), capacity * 16, 1);
    this.joints = new Instances(new THREE.SphereGeometry(1, 14, 10), capacity * (JOINTS + 1), 1);
    this.hollow = new Instances(new THREE.RingGeometry(0.72, 1.15, 20), capacity * JOINTS, 0);
    this.contacts = new Instances(new THREE.CircleGeometry(1, 24), capacity * 2, 0, false);
    this.rings = new Instances(new THREE.RingGeometry(0.92, 1, 48), capacity, 0, false);
    this.clouds = new Instances(new THREE.SphereGeometry(1, 14, 10), capacity * JOINTS, 0.4, false);
    const all = this.all = [this.contacts, this.rings, this.bones, this.joints, this.hollow, this.clouds];
    all.forEach((instances, order) => { instances.mesh.renderOrder = order; group.add(instances.mesh); });
  }

  /** Draws everybody of a frame; look: {raw, uncertainty, contacts, colours}, facing: the quaternion of the viewer. */
  update(people, frame, frames, look, facing) {
    for (const instances of this.all) instances.clear();
    for (const person of people) {
      const row = rowOf(person, frame);
      if (row >= 0 && person.visible) this.addPerson(person, row, frames, look, facing);
    }
    for (const instances of this.all) instances.done();
  }

  addPerson(person, row, frames, look, facing) {
    const { json } = this, table = look.raw && person.raw ? person.raw : person.joints, begin = row * JOINTS * 3;
    const place = joint => new THREE.Vector3().fromArray(table, begin + 3 * joint);
    const known = joint => Number.isFinite(table[begin + 3 * joint]);
    const sigma = joint => person.sigma ? person.sigma[row * JOINTS + joint] : NaN;
    const imputed = joint => person.imputed && person.imputed[row * JOINTS + joint] > 0;
    const alpha = joint => {
      if (person.second) return 0.55;
      if (look.uncertainty !== "fade" || !Number.isFinite(sigma(joint))) return 1;
      const share = (sigma(joint) - FADE_M[0]) / (FADE_M[1] - FADE_M[0]);
      return 1 - 0.85 * Math.min(1, Math.max(0, share));
    };
    const colour = side => person.second ? look.secondColour
      : look.colours === "person" ? (side === "centre" ? person.colour : mixed(person.colour, json.side_colours[side], 0.3))
        : side === "centre" ? look.centreColour : json.side_colours[side];
    const matrix = new THREE.Matrix4(), turn = new THREE.Quaternion(), size = new THREE.Vector3(), up = new THREE.Vector3(0, 1, 0);
    json.bones.forEach(([a, b], bone) => {
      if (!known(a) || !known(b)) return;
      const [from, to] = [place(a), place(b)], along = to.clone().sub(from), length = along.length();
      const thin = imputed(a) || imputed(b) ? 0.45 : 1;
      const radius = BONE_SHARE * thin * Math.min(this.radii[a], this.radii[b]) * (person.second ? 0.6 : 1);
      turn.setFromUnitVectors(up, along.divideScalar(length || 1));
      matrix.compose(from.add(to).multiplyScalar(0.5), turn, size.set(radius, length, radius));
      this.bones.add(matrix, colour(json.bone_sides[bone]), Math.min(alpha(a), alpha(b)) * (thin < 1 ? 0.75 : 1));
    });
    for (let joint = 0; joint < JOINTS; joint++) {
      if (!known(joint)) continue;
      const radius = this.radii[joint] * (person.second ? 0.75 : 1), tint = colour(json.sides[joint]);
      if (imputed(joint)) this.hollow.add(matrix.compose(place(joint), facing, size.setScalar(radius * 1.15)), tint, alpha(joint));
      else this.joints.add(matrix.compose(place(joint), turn.identity(), size.setScalar(radius)), tint, alpha(joint));
      if (look.uncertainty === "ellipsoids" && sigma(joint) > 0.002 && !person.second) {
        const ray = new THREE.Vector3(...rayOf(person, row, frames)), { across, along } = json.spread;
        turn.setFromUnitVectors(up, ray);
        matrix.compose(place(joint), turn, size.set(across * sigma(joint), along * sigma(joint), across * sigma(joint)));
        this.clouds.add(matrix, person.colour, 0.22);
      }
    }
    if (known(this.nose) && known(this.head)) {
      matrix.compose(place(this.nose).lerp(place(this.head), 0.5), turn.identity(), size.setScalar(HEAD_M * (person.second ? 0.8 : 1)));
      this.joints.add(matrix, colour("centre"), alpha(this.head) * (imputed(this.head) ? 0.5 : 1));
    }
    const flat = new THREE.Quaternion().setFromAxisAngle(new THREE.Vector3(1, 0, 0), -Math.PI / 2);
    if (!person.second && known(0)) {
      // On the floor, or below the feet of whoever is lower than it.
      const feet = Math.min(...this.ankles.filter(known).map(joint => place(joint).y)) - 0.05;
      this.rings.add(matrix.compose(place(0).setY(feet < -0.15 ? feet : 0.004), flat, size.setScalar(0.32)), person.colour, 0.9);
    }
    if (look.contacts && person.contacts && !person.second) {
      this.ankles.forEach((joint, side) => {
        const rests = person.contacts[2 * row + side];
        if (!(rests >= 0.5) || !known(joint)) return;
        const foot = place(joint);
        this.contacts.add(matrix.compose(foot.setY(Math.abs(foot.y) < 0.3 ? 0.006 : foot.y - 0.05), flat, size.setScalar(0.1)), person.colour, 0.35 + 0.55 * rests);
      });
    }
  }
}

export function mixed(first, second, share) {
  return first.map((value, index) => value + (second[index] - value) * share);
}
