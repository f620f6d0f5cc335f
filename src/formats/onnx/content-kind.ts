/** What a file that is not ONNX probably is. */
export interface ContentKind {
  /** With article: "a gzip file". */
  readonly name: string
  readonly hint?: string
}

const EXPORT_HINT = 'Export the model to ONNX first (torch.onnx.export, optimum-cli, tf2onnx).'
const UNPACK_HINT = 'Unpack it first.'
const DOWNLOAD_HINT = 'The download gave a page instead of the file: get the address of the file itself.'

interface Signature extends ContentKind {
  readonly at: number
  readonly magic: readonly number[]
}

const text = (value: string): number[] => [...value].map((letter) => letter.charCodeAt(0))

const SIGNATURES: readonly Signature[] = [
  {
    at: 0,
    magic: text('version https://git-lfs'),
    name: 'a git-lfs pointer',
    hint: 'Fetch the file itself: git lfs pull',
  },
  { at: 0, magic: [0x1f, 0x8b], name: 'a gzip file', hint: 'Unpack it first: gunzip' },
  {
    at: 0,
    magic: text('PK\x03\x04'),
    name: 'a zip archive',
    hint: `${UNPACK_HINT} A PyTorch file is such an archive too: export it to ONNX.`,
  },
  { at: 0, magic: [0x28, 0xb5, 0x2f, 0xfd], name: 'a zstd file', hint: UNPACK_HINT },
  { at: 0, magic: [0xfd, ...text('7zXZ')], name: 'an xz file', hint: UNPACK_HINT },
  { at: 0, magic: text('BZh'), name: 'a bzip2 file', hint: UNPACK_HINT },
  { at: 0, magic: [...text('7z'), 0xbc, 0xaf], name: 'a 7z archive', hint: UNPACK_HINT },
  { at: 257, magic: text('ustar'), name: 'a tar archive', hint: UNPACK_HINT },
  { at: 0, magic: text('GGUF'), name: 'a GGUF file', hint: EXPORT_HINT },
  { at: 0, magic: text('ggjt'), name: 'a GGML file', hint: EXPORT_HINT },
  { at: 4, magic: text('TFL3'), name: 'a TFLite model', hint: 'Convert it to ONNX first (tf2onnx --tflite).' },
  { at: 4, magic: text('ORTM'), name: 'an onnxruntime .ort model', hint: 'Use the .onnx file that it was made from.' },
  { at: 0, magic: [0x89, ...text('HDF')], name: 'an HDF5 file (Keras)', hint: EXPORT_HINT },
  { at: 0, magic: [0x93, ...text('NUMPY')], name: 'a NumPy array' },
  { at: 0, magic: [0x89, ...text('PNG')], name: 'a picture' },
  { at: 0, magic: [0xff, 0xd8, 0xff], name: 'a picture' },
  { at: 0, magic: text('RIFF'), name: 'a RIFF file' },
  { at: 0, magic: text('%PDF'), name: 'a PDF document' },
  { at: 0, magic: [0x7f, ...text('ELF')], name: 'a program' },
]

/** Null when nothing is recognised. Looks at up to 512 bytes; never throws. */
export function contentKind(head: Uint8Array): ContentKind | null {
  if (head.length === 0) return { name: 'an empty file', hint: 'Was the download or the copy interrupted?' }
  if (head.every((byte) => byte === 0))
    return { name: 'zero bytes only', hint: 'Was the download or the copy interrupted?' }
  for (const { at, magic, name, hint } of SIGNATURES) {
    if (magic.every((byte, index) => head[at + index] === byte)) return hint === undefined ? { name } : { name, hint }
  }
  if (isSafetensors(head)) return { name: 'a safetensors file', hint: EXPORT_HINT }
  // Protocols 2 to 5; older ones are text.
  if (head[0] === 0x80 && (head[1] as number) >= 2 && (head[1] as number) <= 5) {
    return { name: 'a pickle (PyTorch, scikit-learn)', hint: EXPORT_HINT }
  }
  return textKind(head)
}

/** Eight bytes of header length, then JSON. */
function isSafetensors(head: Uint8Array): boolean {
  return head.length > 9 && head[8] === 0x7b && head[6] === 0 && head[7] === 0
}

function textKind(head: Uint8Array): ContentKind | null {
  // As a stream, so that a character cut off at the end of the head counts for nothing.
  const content = new TextDecoder().decode(head, { stream: true })
  const start = content.trimStart().toLowerCase()
  if (/^(<!doctype html|<html|<head|<body)/.test(start)) return { name: 'an HTML page', hint: DOWNLOAD_HINT }
  if (start.startsWith('<')) return { name: 'XML or HTML text', hint: DOWNLOAD_HINT }
  if (/^[{[]/.test(start)) return { name: 'JSON text', hint: DOWNLOAD_HINT }
  const isText = content !== '' && !/[\x00-\x08\x0e-\x1f\x7f\ufffd]/.test(content)
  return isText ? { name: 'text', hint: DOWNLOAD_HINT } : null
}

/** The same as a few words for a message. */
export function describeContent(head: Uint8Array, byteLength = head.length): string {
  if (byteLength === 0) return 'the file is empty'
  const kind = contentKind(head)
  return kind === null ? 'its bytes are of no kind that is known here' : `it is ${kind.name}`
}
