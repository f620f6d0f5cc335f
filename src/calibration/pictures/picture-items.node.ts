import { TersorError } from '../../errors.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { SampleItem } from '../arrays-samples.ts'
import { contentKind } from '../content-kind.ts'
import { wholeFile } from '../file-window.node.ts'
import { readPhoto } from '../picture.node.ts'
import { type PictureInput, pictureValue } from './picture-input.ts'
import type { PictureRecipe } from './recipe.ts'

/** A photo has some megabytes. */
const LARGEST_FILE = 512 * 1024 * 1024

/** One sample for each file. What is no picture, or a damaged one, rejects with the file's name when it is read. */
export function pictureItems(
  paths: readonly string[],
  to: PictureInput,
  recipe: PictureRecipe,
  kernels?: () => Kernels,
): readonly SampleItem[] {
  return paths.map((path) => ({
    label: path,
    count: 1,
    gives: new Map([[to.input.name, to.input.dtype]]),
    unused: [],
    async read() {
      const bytes = await wholeFile(path, LARGEST_FILE, 'a picture')
      if (contentKind(bytes) !== 'picture') {
        throw new TersorError('E_FORMAT', `${path}: expected a jpeg, png or webp picture, found other content`, {
          where: path,
          hint: 'take the file away, or add --skip-bad',
        })
      }
      const photo = await readPhoto(bytes, path)
      return {
        label: path,
        feeds: { [to.input.name]: pictureValue(photo, to, recipe, path, kernels?.()) },
        isOwn: true,
      }
    },
  }))
}
