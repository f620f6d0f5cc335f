import { describe, expect, it } from 'vitest'
import { csvRows } from './csv.ts'
import { type Labels, labelsOfCsv, labelsOfFolders, labelsOfNames } from './labels.ts'

const sample = (label: string, index?: number) => ({ label, feeds: {}, ...(index === undefined ? {} : { index }) })
const one = (labels: Labels, label: string, index?: number, found = 4) => labels.of(sample(label, index), 1, found)[0]

describe('rows of a CSV', () => {
  it.each([
    [
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      '\ufeffa;b\r\n\r\n c ; d ',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['a\tb', [['a', 'b']]],
    ['"a,1","b ""q"""', [['a,1', 'b "q"']]],
    ['', []],
  ])('%j', (text, rows) => {
    expect(csvRows(text).map(({ cells }) => cells)).toEqual(rows)
  })
})

describe('labels by position', () => {
  it.each([
    ['with a heading', 'index,label\n0,7\n1,-1\n2,\n3,9\n'],
    ['other order and columns', 'note,Label,Index\nx,9,3\ny,7,0\n'],
    ['without a heading', '0,7\n3,9\n'],
    ['labels alone', '7\n-1\n\n-1\n9\n'.replace('\n\n', '\n')],
    ['labels alone under a heading', 'label\n7\n-1\n-1\n9'],
  ])('%s', (_, text) => {
    const labels = labelsOfCsv(text, 'l.csv')
    expect([0, 1, 2, 3].map((index) => one(labels, 'd.npz', index))).toEqual([7, undefined, undefined, 9])
  })

  it('belong to other data when they reach further', () => {
    const labels = labelsOfCsv('index,label\n0,1\n4,1', 'l.csv')
    expect(() => one(labels, 'd.npz', 0)).toThrow('number 4, the data end at 3')
    expect(one(labels, 'd.npz', 0, 5)).toBe(1)
  })

  it('give a sample of several rows its own', () => {
    const labels = labelsOfCsv(['label', 0, 1, 2, 3, 4, 5].join('\n'), 'l.csv')
    expect(labels.of(sample('d.npz', 1), 3, 2)).toEqual([3, 4, 5])
    const few = labelsOfCsv('label\n0\n1', 'l.csv')
    expect(() => few.of(sample('d.npz', 1), 3, 2)).toThrow('answers 3 times')
  })

  it('leave out samples that have no position', () => {
    expect(one(labelsOfCsv('0,1', 'l.csv'), 'x')).toBeUndefined()
  })
})

describe('labels by file', () => {
  const labels = labelsOfCsv('file,label\na.npy,1\nsub/b.npy,2\nd.npz[1],3\n', 'l.csv')

  it.each([
    ['a.npy', 1],
    ['/data/set/a.npy', 1],
    ['C:\\data\\a.npy', 1],
    ['x/sub/b.npy', 2],
    ['x/b.npy', undefined],
    ['xa.npy', undefined],
    ['folder/d.npz[1]', 3],
    ['folder/d.npz[0]', undefined],
  ])('%s', (path, label) => {
    expect(one(labels, path, 0)).toBe(label)
  })

  it('are names without a heading when not all of them are numbers', () => {
    expect(one(labelsOfCsv('1,4\n2.npy,5', 'l.csv'), 'z/2.npy')).toBe(5)
  })

  it('are not spread over several answers', () => {
    expect(() => labels.of(sample('a.npy'), 2, 4)).toThrow('answers 2 times')
  })

  it('are names of classes for those who can use them', () => {
    expect(one(labelsOfCsv('file,label\na.npy,cat', 'l.csv'), 'a.npy')).toBe('cat')
  })
})

it('labels by folder are the folder a file is in', () => {
  const labels = labelsOfFolders()
  expect(['d/cat/1.png', 'd/3/a/07/1.png', '1.png'].map((path) => one(labels, path))).toEqual(['cat', 7, undefined])
})

it('labels in file names end at the first _', () => {
  const labels = labelsOfNames()
  expect(['s/3_01.npy', 'cat_dog_1.npy', 'plain.npy', '_.npy'].map((path) => one(labels, path))).toEqual([
    3,
    'cat',
    undefined,
    undefined,
  ])
})

describe('what cannot be read', () => {
  it.each([
    ['', 'no label'],
    ['index,label\n0,-1', 'no label'],
    ['a.npy,1,x', '3 columns'],
    ['index,label\n0,1\n1', 'l.csv:3: expected 2 cells, found 1'],
    ['index,label\n0,1\n0,2', 'l.csv:3: "0" was labelled before'],
    ['file,label\na.npy,1\na.npy,1', 'l.csv:3: "a.npy" was labelled before'],
    ['index,label\n0,-2', 'l.csv:2: -2 is no class'],
  ])('%j', (text, message) => {
    expect(() => labelsOfCsv(text, 'l.csv')).toThrow(message)
  })
})
