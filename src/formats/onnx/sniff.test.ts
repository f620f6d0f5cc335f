import { describe, expect, it } from 'vitest'
import { buildModel, encodeModel, node } from '../../../test/fixtures/build.ts'
import { bytes, int, text, utf8 } from '../../../test/fixtures/wire.ts'
import { contentKind, describeContent } from './content-kind.ts'
import { sniff } from './sniff.ts'

const head = (...content: readonly number[]): Uint8Array => Uint8Array.from(content)

describe('sniff', () => {
  it('knows a model by any part of its start', async () => {
    const file = await encodeModel(
      buildModel({ nodes: [node('Relu', ['x'], ['y'])], producer: 'a producer of some length' }),
    )
    for (let length = 2; length <= file.length; length++) expect(sniff(file.subarray(0, length))).toBe(true)
  })

  it('takes fields in any order, and unknown ones behind the first', () => {
    expect(sniff(head(...bytes(7, [1, 2, 3])))).toBe(true)
    expect(sniff(head(...text(2, 'pytorch'), ...int(500, 1)))).toBe(true)
  })

  it.each([
    ['nothing', []],
    ['zeros', [0, 0, 0, 0]],
    ['a group', [...int(1, 8), 11, 12]],
    ['an unknown field first', bytes(500, [1])],
    ['another wire type', bytes(1, [1])],
    ['gzip', [0x1f, 0x8b, 8, 0]],
    ['a page', utf8('<!doctype html><html><head></head></html>')],
    ['JSON', utf8('{"a": 1}')],
  ])('refuses %s', (_, content) => {
    expect(sniff(head(...content))).toBe(false)
  })
})

describe('what a file is instead', () => {
  it.each([
    ['an empty file', []],
    ['zero bytes only', new Array(64).fill(0)],
    ['a git-lfs pointer', utf8('version https://git-lfs.github.com/spec/v1\noid sha256:')],
    ['a gzip file', [0x1f, 0x8b, 8]],
    ['a zip archive', [...utf8('PK'), 3, 4, 20]],
    ['a zstd file', [0x28, 0xb5, 0x2f, 0xfd, 0]],
    ['a pickle (PyTorch, scikit-learn)', [0x80, 2, 0x8a]],
    ['a safetensors file', [0x40, 1, 0, 0, 0, 0, 0, 0, ...utf8('{"__metadata__"')]],
    ['a GGUF file', [...utf8('GGUF'), 3, 0, 0, 0]],
    ['a TFLite model', [0x1c, 0, 0, 0, ...utf8('TFL3')]],
    ['an onnxruntime .ort model', [0x1c, 0, 0, 0, ...utf8('ORTM')]],
    ['an HTML page', utf8('  <HTML lang="en">')],
    ['XML or HTML text', utf8('<?xml version="1.0"?>')],
    ['JSON text', utf8('{"error": "not found"}')],
    ['a tar archive', [...utf8('model.onnx'), ...new Array(247).fill(0), ...utf8('ustar')]],
    ['text', utf8('ir_version: 8\nproducer_name: "x"')],
  ])('%s', (name, content) => {
    expect(contentKind(head(...content))).toMatchObject({ name })
  })

  it('is not guessed', () => {
    expect(contentKind(head(200, 201, 202, 7, 0, 1))).toBeNull()
    expect(describeContent(head(200, 201))).toBe('its bytes are of no kind that is known here')
    expect(describeContent(head(), 0)).toBe('the file is empty')
    expect(describeContent(head(0x1f, 0x8b), 100)).toBe('it is a gzip file')
  })
})
