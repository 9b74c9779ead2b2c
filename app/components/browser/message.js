// A message of Python's `pack`: uint32 length of the header, the header as JSON, then columns of numbers.

// The header, and what makes a column of it: `columnAt(Kind, offset, count)`. The bytes are copied once, because they
// start at any address within the message, where typed arrays want multiples of their item size.
export function readMessage(message) {
  const buffer = message.slice().buffer;
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { header, columnAt: (Kind, offset, count) => new Kind(buffer, 4 + length + offset, count) };
}
