import type { Verdict } from '../../model/report.ts'
import { html, type Markup, raw } from './html.ts'

/** A picture of one sample: `source` is a data address made by us. */
export interface SamplePicture {
  readonly sample: number
  readonly source: string
  readonly expected: string
}

const MOST = 20

/** Sample pictures with what float and quantized model answered; without answers, with what they show. */
export function pictureGrid(pictures: readonly SamplePicture[], verdict: Verdict | undefined): Markup {
  const bySample = new Map(pictures.map((picture) => [picture.sample, picture]))
  const answered = (verdict?.examples ?? []).flatMap((example) => {
    const picture = bySample.get(example.sample)
    return picture === undefined ? [] : [{ ...example, picture }]
  })
  const figures =
    answered.length > 0
      ? answered.slice(0, MOST).map(({ picture, expected, float, quantized }) => {
          const shade = (answer: string) => (answer === expected ? '' : 'wrong')
          return figure(
            picture,
            html`<b>${expected}</b><br><span class="${shade(float)}">float ${float}</span>, <span class="${shade(quantized)}">now ${quantized}</span>`,
          )
        })
      : pictures.slice(0, MOST).map((picture) => figure(picture, html`<b>${picture.expected}</b>`))
  return figures.length === 0 ? html`` : html`<div class="pictures">${figures}</div>`
}

function figure(picture: SamplePicture, caption: Markup): Markup {
  const safe = /^data:image\/(?:png|bmp);base64,[A-Za-z0-9+/=]+$/.test(picture.source)
  return safe
    ? html`<figure><img alt="sample ${picture.sample}" src="${raw(picture.source)}"><figcaption>${caption}</figcaption></figure>`
    : html``
}
