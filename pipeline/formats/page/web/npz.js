// Reads the arrays of an .npz file: a zip of .npy files, without pickles.
import { inflated } from "./columns.js";

const MOST_BYTES = 1 << 30;
const READERS = {
  "<f8": ["getFloat64", 8], "<f4": ["getFloat32", 4], "<i8": ["getBigInt64", 8], "<i4": ["getInt32", 4],
  "|b1": ["getUint8", 1], "|u1": ["getUint8", 1], "|i1": ["getInt8", 1],
};

/** Arrays by name, {shape, values}; values are numbers, or one text for texts. Only names of `wanted` are read. */
export async function readNpz(buffer, wanted) {
  const view = new DataView(buffer), found = {};
  let end = buffer.byteLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error("it is no .npz file, or is cut off");
  let at = view.getUint32(end + 16, true);
  for (let entry = view.getUint16(end + 10, true); entry > 0; entry--) {
    if (view.getUint32(at, true) !== 0x02014b50) throw new Error("its list of arrays is damaged");
    const method = view.getUint16(at + 10, true), packedSize = view.getUint32(at + 20, true);
    const size = view.getUint32(at + 24, true), nameLength = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(new Uint8Array(buffer, at + 46, nameLength)).replace(/\.npy$/, "");
    const local = view.getUint32(at + 42, true);
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (!wanted.includes(name)) continue;
    if (size > MOST_BYTES) throw new Error(`its array ${name} is too large for a page`);
    const begin = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const stored = new Uint8Array(buffer, begin, packedSize);
    found[name] = readNpy(method === 8 ? await inflated(stored, "deflate-raw", size) : stored.slice(), name);
  }
  return found;
}

function readNpy(bytes, name) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const long = bytes[6] > 1, headerLength = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const begin = (long ? 12 : 10) + headerLength;
  const header = new TextDecoder("latin1").decode(bytes.subarray(long ? 12 : 10, begin));
  const type = /'descr': '([^']+)'/.exec(header)?.[1] ?? "";
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? "").split(",").filter(part => part.trim()).map(Number);
  const count = shape.reduce((product, length) => product * length, 1);
  if (/'fortran_order': True/.test(header) && shape.length > 1) throw new Error(`its array ${name} is stored by columns`);
  if (type.startsWith("<U")) {
    const characters = Number(type.slice(2)) * count, codes = [];
    for (let i = 0; i < characters; i++) codes.push(view.getUint32(begin + 4 * i, true));
    const texts = [];
    for (let i = 0; i < count; i++) {
      texts.push(String.fromCodePoint(...codes.slice(i * characters / count, (i + 1) * characters / count)).replace(/\0+$/, ""));
    }
    return { shape, values: texts };
  }
  const [read, width] = READERS[type] ?? [];
  if (!read || begin + count * width > bytes.length) throw new Error(`its array ${name} cannot be read (${type})`);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) values[i] = Number(view[read](begin + i * width, true));
  return { shape, values };
}
