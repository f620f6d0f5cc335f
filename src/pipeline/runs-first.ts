import type { SampleSet } from '../calibration/index.ts'
import { TersorError } from '../errors.ts'
import type { Feeds, RuntimeSession } from '../model/runtime.ts'

/**
 * Runs the first sample, so that data that the inputs declare no sizes against, and the graph still does not take, are refused by
 * their name. E_RUNTIME with the executor's words, the sample, and what was fed.
 */
export async function requireFirst(set: SampleSet, session: RuntimeSession): Promise<void> {
  if (set.count === 0) return
  const { feeds, label } = await set.at(0)
  try {
    await session.run(feeds)
  } catch (thrown) {
    throw notRun(label, feeds, thrown)
  }
}

/** What to throw where the float model did not run on a sample. */
export function notRun(label: string, feeds: Feeds, thrown: unknown): unknown {
  if (!(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') return thrown
  return new TersorError(
    'E_RUNTIME',
    `the float model does not run on these data (${shapesOf(feeds)}): ${thrown.message}`,
    {
      where: label,
      hint: 'the model leaves these sizes open and takes only some; pictures get theirs from --preprocess, such as imagenet,resize=32,crop=32',
      cause: thrown,
    },
  )
}

function shapesOf(feeds: Feeds): string {
  return Object.entries(feeds)
    .map(([name, { shape }]) => `${name} [${shape.join(', ')}]`)
    .join(', ')
}
