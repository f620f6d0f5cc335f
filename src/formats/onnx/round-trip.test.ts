import { describe, expect, it } from 'vitest'
import { encodeModel as toBytes } from '../../../test/fixtures/build.ts'
import type { Bytes } from '../../../test/fixtures/wire.ts'
import {
  bytes,
  fixed32,
  fixed64,
  float32,
  float64,
  int,
  message,
  modelFile,
  tensorFile,
  text,
  utf8,
  varint,
} from '../../../test/fixtures/wire.ts'
import { memorySource } from '../../bytes/memory.ts'
import { read } from './read.ts'

// Encoding always walks the nouns (there is no copy-through), so equality here means that decode and encode lose nothing.

async function again(file: Uint8Array): Promise<Uint8Array> {
  return toBytes(await read(memorySource(file, 'quirk.onnx')))
}

const relu = [text(1, 'x'), text(2, 'y'), text(4, 'Relu')]
const node = (...extra: readonly Bytes[]): Bytes => message(1, ...relu, ...extra)
const withAttribute = (...fields: readonly Bytes[]): Uint8Array => modelFile([node(message(5, ...fields))])
const quietNaN = [0x01, 0x00, 0xc0, 0x7f]
const signallingNaN = [0x01, 0x00, 0x80, 0x7f]

const quirks: Readonly<Record<string, Uint8Array>> = {
  'an empty graph': modelFile([]),
  'fields in reverse order': Uint8Array.from(
    [message(8, int(2, 17)), message(7, text(2, 'g'), node()), int(1, 8)].flat(),
  ),
  'unknown fields of every wire type, everywhere': modelFile(
    [node(int(900, 7), bytes(901, [1, 2, 3])), fixed32(99, [1, 2, 3, 4]), fixed64(98, [8, 7, 6, 5, 4, 3, 2, 1])],
    bytes(5000, utf8('from the future')),
    int(77, -1),
  ),
  'known numbers with another wire type': modelFile([node(int(3, 5), int(4, 6)), int(2, 9)], bytes(1, [0])),
  'explicit defaults': modelFile(
    [message(1, text(1, ''), text(2, ''), text(3, ''), text(4, ''), text(7, '')), text(2, '')],
    text(2, ''),
  ),
  'no name and no operator': modelFile([message(1)]),
  'padded keys, lengths and numbers': Uint8Array.from(
    [int(1, 8, 3, 2), bytes(7, bytes(2, utf8('g'), 4, 3), 5), bytes(8, int(2, 17, 10), 2)].flat(),
  ),
  'a single field given twice': modelFile(
    [node(text(3, 'first'), text(3, 'second')), text(2, 'a'), text(2, 'b')],
    text(2, 'p'),
    text(2, 'q'),
  ),
  'domain ai.onnx spelled out': Uint8Array.from(
    [
      int(1, 8),
      message(7, node(text(7, 'ai.onnx'))),
      message(8, text(1, 'ai.onnx'), int(2, 17)),
      message(8, text(1, ''), int(2, 17)),
    ].flat(),
  ),
  'text that is not UTF-8': modelFile([
    message(1, bytes(1, [0xff, 0x41, 0xc3]), bytes(2, [0xed, 0xa0, 0x80]), text(3, 'ok é 漢 😀')),
  ]),
  'a byte order mark in a name': modelFile([node(bytes(3, [0xef, 0xbb, 0xbf, 0x41]))]),
  'metadata with keys twice and without values': modelFile(
    [],
    message(14, text(1, 'k'), text(2, '1')),
    message(14, text(1, 'k'), text(2, '2')),
    message(14, text(2, 'v'), text(1, 'reversed')),
    message(14),
  ),
  'int attribute without its value': withAttribute(text(1, 'a'), int(20, 2)),
  'attribute without type': withAttribute(text(1, 'a'), int(3, 7)),
  'attribute with fields of two kinds': withAttribute(text(1, 'a'), fixed32(2, float32(0)), int(3, 7), int(20, 2)),
  'attribute that refers to its function': withAttribute(text(1, 'a'), text(21, 'outer'), int(20, 1)),
  'attribute of a later type': withAttribute(text(1, 'a'), int(20, 55), bytes(60, [1])),
  'numbers at the ends of int64': withAttribute(
    text(1, 'a'),
    int(8, 2n ** 63n - 1n),
    int(8, -(2n ** 63n)),
    int(8, -1),
    int(8, 2n ** 53n),
    int(20, 7),
  ),
  'ints packed, with padding inside': withAttribute(
    text(1, 'a'),
    bytes(8, [...varint(1, 3), ...varint(-1), ...varint(300)]),
    int(20, 7),
  ),
  'ints packed in pieces and single': withAttribute(
    text(1, 'a'),
    bytes(8, [1, 2]),
    int(8, 3),
    bytes(8, []),
    bytes(8, [4]),
    int(8, 5, 2),
    int(20, 7),
  ),
  'floats packed and single, with NaN bits': withAttribute(
    text(1, 'a'),
    bytes(7, [...float32(1, -0), ...signallingNaN]),
    fixed32(7, quietNaN),
    fixed32(7, signallingNaN),
    int(20, 6),
  ),
  'a float that is a signalling NaN': withAttribute(text(1, 'a'), fixed32(2, signallingNaN), int(20, 1)),
  'negative zero': withAttribute(text(1, 'a'), fixed32(2, float32(-0)), int(20, 1)),
  'strings that are bytes': withAttribute(
    text(1, 'a'),
    bytes(9, [0, 255, 128]),
    bytes(9, []),
    text(9, 'é'),
    int(20, 8),
  ),
  'a string larger than text can be': withAttribute(
    text(1, 'blob'),
    bytes(4, new Array(1_100_000).fill(200)),
    int(20, 3),
  ),
  'sparse tensor and type attributes': withAttribute(
    text(1, 'a'),
    message(22, message(1, text(8, 'v')), int(3, 4)),
    message(14, message(1, int(1, 1))),
    int(20, 11),
  ),
  'raw data': tensorFile(int(1, 2), int(2, 1), text(8, 'w'), bytes(9, float32(1, 2))),
  'raw data in front of everything': tensorFile(bytes(9, float32(1, 2)), text(8, 'w'), int(2, 1), int(1, 2)),
  'dims packed': tensorFile(bytes(1, [...varint(2), ...varint(3, 2)]), int(2, 1), bytes(9, float32(1, 2, 3, 4, 5, 6))),
  'large raw data between small fields': tensorFile(
    int(1, 1000),
    int(2, 1),
    bytes(9, new Array(4000).fill(7)),
    text(8, 'w'),
  ),
  'large unknown fields and documents': modelFile(
    [bytes(10, new Array(5000).fill(65)), node(bytes(6, new Array(2000).fill(66)))],
    bytes(800, new Array(3000).fill(1)),
  ),
  'typed data, packed': tensorFile(int(1, 2), int(2, 1), bytes(4, float32(1, 2)), text(8, 'w')),
  'typed data, one by one': tensorFile(int(1, 2), int(2, 1), fixed32(4, float32(1)), fixed32(4, float32(2))),
  'typed data in padded varints': tensorFile(
    int(1, 3),
    int(2, 7),
    bytes(7, [...varint(1, 4), ...varint(-1), ...varint(2, 10)]),
  ),
  'large typed data': tensorFile(int(1, 2000), int(2, 3), bytes(5, new Array(2000).fill(5))),
  'typed doubles': tensorFile(int(1, 1), int(2, 11), bytes(10, float64(Math.PI))),
  'raw and typed data both': tensorFile(int(1, 1), int(2, 1), bytes(4, float32(5)), bytes(9, float32(6))),
  strings: tensorFile(int(1, 2), int(2, 8), text(6, 'a'), bytes(6, new Array(3000).fill(97))),
  'a segment': tensorFile(int(1, 100), int(2, 1), message(3, int(1, 0), int(2, 2)), bytes(4, float32(1, 2))),
  'a tensor with no elements': tensorFile(int(1, 0), int(1, 2n ** 50n), int(2, 1)),
  'sparse initializers': modelFile([
    message(15, message(1, int(1, 1), int(2, 1), text(8, 's'), bytes(9, float32(1))), message(2), int(3, 9)),
    message(15),
  ]),
  'values of all types': modelFile([
    message(
      11,
      text(1, 'a'),
      message(
        2,
        message(
          1,
          int(1, 1),
          message(
            2,
            message(1, int(1, 0)),
            message(1, text(2, 'n')),
            message(1),
            message(1, text(3, 'batch'), int(1, 4)),
          ),
        ),
      ),
    ),
    message(11, text(1, 'scalar'), message(2, message(1, int(1, 7), message(2)))),
    message(11, text(1, 'no rank'), message(2, message(1, int(1, 7)), text(6, 'IMAGE'))),
    message(12, text(1, 'sequence'), message(2, message(4, message(1, message(1, int(1, 1)))))),
    message(12, text(1, 'map'), message(2, message(5, int(1, 7)))),
    message(13, text(1, 'untyped')),
    message(13, message(2), text(3, 'doc'), text(1, 'type first')),
    message(13, text(1, 'later type'), message(2, message(1, int(1, 99), message(2, message(1, int(1, -1)))))),
  ]),
  'both ways to say a dimension': modelFile([
    message(
      11,
      text(1, 'a'),
      message(2, message(1, int(1, 1), message(2, message(1, int(1, 3), text(2, 'n')), message(1, text(2, ''))))),
    ),
  ]),
  'subgraphs in graph and graphs attributes': modelFile([
    node(
      message(
        5,
        text(1, 'then_branch'),
        message(6, node(message(5, text(1, 'body'), message(6, node()), int(20, 5))), text(2, 'inner')),
        int(20, 5),
      ),
      message(5, text(1, 'all'), message(11, node()), message(11), int(20, 10)),
      message(5, text(1, 'value'), message(5, int(1, 1), int(2, 1), bytes(9, float32(1))), int(20, 4)),
      message(
        5,
        text(1, 'some'),
        message(10, int(2, 1), bytes(9, float32(1))),
        message(10, int(2, 6), bytes(5, [9])),
        int(20, 9),
      ),
    ),
  ]),
  'functions, training, configuration': modelFile(
    [],
    message(
      25,
      text(1, 'f'),
      text(4, 'x'),
      text(5, 'y'),
      text(6, 'alpha'),
      message(7, ...relu),
      message(9, int(2, 17)),
      text(10, 'local'),
      message(11, text(1, 'beta'), int(20, 2)),
      text(13, 'v2'),
    ),
    message(20, message(1, text(2, 'init')), message(3, text(1, 'a'), text(2, 'b'))),
    message(26, text(1, 'devices')),
    message(25),
  ),
}

describe('a model that nothing changed is written back byte for byte', () => {
  it.each(Object.entries(quirks))('%s', async (_, file) => {
    expect(Buffer.compare(await again(file), file)).toBe(0)
  })
})
