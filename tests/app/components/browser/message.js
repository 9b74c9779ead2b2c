// A message as Python's `pack` makes it, for tests.

export function packed(header, ...columns) {
  let body = new Uint8Array(0);
  const table = columns.map((column) => {
    const start = Math.ceil(body.length / column.BYTES_PER_ELEMENT) * column.BYTES_PER_ELEMENT;
    const grown = new Uint8Array(start + column.byteLength);
    grown.set(body);
    grown.set(new Uint8Array(column.buffer), start);
    body = grown;
    return [column.BYTES_PER_ELEMENT, start, column.length];
  });
  let text = JSON.stringify({ ...header, columns: table });
  text += " ".repeat((8 - ((4 + new TextEncoder().encode(text).length) % 8)) % 8);
  const head = new TextEncoder().encode(text);
  const message = new Uint8Array(4 + head.length + body.length);
  new DataView(message.buffer).setUint32(0, head.length, true);
  message.set(head, 4);
  message.set(body, 4 + head.length);
  return message;
}

// The same bytes at an odd address within a larger buffer, as a socket may hand them over.
export function moved(message) {
  const buffer = new Uint8Array(message.length + 3);
  buffer.set(message, 3);
  return buffer.subarray(3);
}
