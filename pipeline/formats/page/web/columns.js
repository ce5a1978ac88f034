// Reads what pipeline/formats/page/columns.py packed.

/** The bytes of base64 text. */
export function bytesOf(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/** Bytes inflated; format is "deflate" (zlib) or "deflate-raw" (zip); more than `most` bytes are refused. */
export async function inflated(bytes, format, most = Infinity) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  const parts = [];
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > most) { await reader.cancel(); throw new Error("it unpacks to more than it says"); }
    parts.push(next.value);
  }
  const whole = new Uint8Array(size);
  size = 0;
  for (const part of parts) { whole.set(part, size); size += part.length; }
  return whole;
}

/** Float64Array [rows * width], NaN where a number is missing; `like` is what the numbers were stored relative to. */
export async function unpacked(table, like = null) {
  const { rows, width, decimals } = table, count = rows * width, scale = 10 ** decimals;
  const bytes = await inflated(bytesOf(table.data), "deflate");
  const bits = table.missing ? Math.ceil(count / 8) : 0;
  const values = new Float64Array(count);
  for (let column = 0, at = bits; column < width; column++) {
    let value = 0;
    for (let row = 0; row < rows; row++, at++) {
      const step = bytes[at] + 256 * bytes[at + count] + 65536 * bytes[at + 2 * count] + 16777216 * bytes[at + 3 * count];
      value += step % 2 ? -(step + 1) / 2 : step / 2;
      values[row * width + column] = value;
    }
  }
  for (let i = 0; i < count; i++) {
    // Integers are added before they are divided: what is shown is exact.
    const base = like && Number.isFinite(like[i]) ? Math.round(like[i] * scale) : 0;
    values[i] = (values[i] + base) / scale;
    if (bits && bytes[i >> 3] & (128 >> (i & 7))) values[i] = NaN;
  }
  return values;
}
