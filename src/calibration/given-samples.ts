import { blobSource } from '../bytes/blob.ts'
import { TersorError } from '../errors.ts'
import type { Sample, SessionInput } from '../model/runtime.ts'
import { arrayItem, type SampleItem } from './arrays-samples.ts'
import { CONTENT_BYTES, contentKind } from './content-kind.ts'
import { openNpy } from './npy.ts'
import { openNpz } from './npz.ts'
import { pictureBlobItem } from './pictures/picture-blobs.ts'
import { isRaw, pictureInputOf } from './pictures/picture-input.ts'
import { PICTURE_PRESETS, type PictureRecipe } from './pictures/recipe.ts'
import { parsePreprocess } from './preprocess/parse-preprocess.ts'
import type { SampleSet } from './sample-set.ts'
import { type SampleOptions, sampleSet } from './samples.ts'

/** Data without files: feeds as they are, or pictures, .npy and .npz as `File` or `Blob`. */
export type GivenSample = Sample | Blob

export interface GivenOptions extends Pick<SampleOptions, 'samples' | 'limits' | 'skipBad' | 'states'> {
  /** How pictures become values: a preset, keys or the text of a preprocessor_config.json. */
  readonly preprocess?: string
}

/**
 * Samples from what a page has, selected, checked and completed as those of files are. E_USAGE where there are none, E_FORMAT and
 * E_UNSUPPORTED with the name of a file that is none of these.
 */
export async function givenSamples(
  data: readonly GivenSample[],
  inputs: readonly SessionInput[],
  options: GivenOptions = {},
): Promise<SampleSet> {
  if (data.length === 0) throw new TersorError('E_USAGE', 'expected at least one sample, found an empty list')
  const skipped: string[] = []
  const items: SampleItem[] = []
  let recipe: PictureRecipe | undefined
  for (const [at, one] of data.entries()) {
    if (!isBlob(one)) {
      items.push(feedsItem(one))
      continue
    }
    const label = 'name' in one && typeof one.name === 'string' && one.name !== '' ? one.name : `data ${at}`
    const source = blobSource(one, label)
    const kind = contentKind(await source.read(0, Math.min(CONTENT_BYTES, source.byteLength)))
    try {
      if (kind === 'npy') items.push(arrayItem(label, new Map([[label, await openNpy(source)]]), inputs))
      else if (kind === 'npz') items.push(arrayItem(label, await openNpz(source), inputs))
      else if (kind === 'picture') {
        recipe ??= await recipeOf(options.preprocess)
        items.push(pictureBlobItem(one, label, pictureInputOf(inputs, recipe), recipe))
      } else {
        throw new TersorError('E_UNSUPPORTED', `${label}: expected a jpeg, png or webp picture, .npy or .npz`, {
          where: label,
          hint: 'give other data as samples: { label, feeds }',
        })
      }
    } catch (thrown) {
      if (options.skipBad !== true || !(thrown instanceof TersorError)) throw thrown
      skipped.push(thrown.message)
    }
  }
  const { samples, limits, skipBad, states } = options
  return sampleSet(items, inputs, skipped, {
    ...(samples === undefined ? {} : { samples }),
    ...(states === undefined ? {} : { states }),
    ...(limits === undefined ? {} : { limits }),
    ...(skipBad === undefined ? {} : { skipBad }),
    asBytes: options.preprocess !== undefined && recipe !== undefined && isRaw(recipe),
  })
}

function feedsItem(sample: Sample): SampleItem {
  const { label, feeds } = sample
  const gives = new Map(Object.entries(feeds).map(([name, { dtype }]) => [name, dtype]))
  return { label, count: 1, gives, unused: [], read: async () => sample }
}

async function recipeOf(text: string | undefined): Promise<PictureRecipe> {
  if (text === undefined) return PICTURE_PRESETS.get('raw')!
  const config = text.trimStart().startsWith('{')
  const { picture } = await parsePreprocess(config ? 'preprocessor_config.json' : text, async (path) => {
    if (config) return text
    throw new TersorError('E_USAGE', `preprocess: ${path}: there are no files here`, {
      hint: 'give the text of the configuration instead of its name',
    })
  })
  if (picture !== undefined) return picture
  throw new TersorError('E_USAGE', `preprocess "${text.slice(0, 200)}" is not for pictures, which the data are`)
}

function isBlob(one: GivenSample): one is Blob {
  return typeof Blob !== 'undefined' && one instanceof Blob
}
