/** Operators that move elements and so work on codes as they do on floats. */
export const MOVES: ReadonlySet<string> = new Set([
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
  'Identity',
  'Gather',
  'MaxPool',
  'Slice',
  'Split',
  'Expand',
  'Tile',
  'Pad',
  'DepthToSpace',
  'SpaceToDepth',
  'Concat',
])
