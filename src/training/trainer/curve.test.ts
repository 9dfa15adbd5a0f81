import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chart } from './chart.ts'
import { Curve, type CurvePoint } from './curve.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-curve-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const point = (update: number): CurvePoint => ({
  update,
  tokens: 64 * update,
  seconds: update / 3,
  learningRate: 1e-3,
  loss: 5 / Math.sqrt(update),
  gradientNorm: 1,
  validationLoss: update % 10 === 0 ? 5.2 / Math.sqrt(update) : null,
})
const points = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => point(from + i))

test('a curve holds each update once, also where a crash cut a line and updates were made again', async () => {
  const curve = new Curve(join(folder, 'curve.csv'))
  await curve.open(0)
  await curve.append(points(1, 25))
  await appendFile(curve.file, '26,1664,8.6')
  await curve.open(20)
  await curve.append(points(21, 30))
  expect(await curve.read()).toEqual(points(1, 30))
  expect((await readFile(curve.file, 'utf8')).split('\n').slice(0, 2)).toEqual([
    'update,tokens,seconds,learningRate,loss,gradientNorm,validationLoss',
    '1,64,0.3333333333333333,0.001,5,1,',
  ])
})

test('metrics are columns of their own, also in a curve that is gone on with', async () => {
  const curve = new Curve(join(folder, 'metrics.csv'))
  const taught = (update: number) => ({
    ...point(update),
    metrics: { crossEntropy: 3 / update, divergence: 1 / update },
  })
  await curve.open(0)
  await curve.append([taught(1), taught(2)])
  const again = new Curve(curve.file)
  await again.open(1)
  await again.append([taught(2)])
  await again.append([taught(3)])
  await again.evaluated(3, 0.5)
  expect(await again.read()).toEqual([taught(1), taught(2), { ...taught(3), validationLoss: 0.5 }])
  expect((await readFile(curve.file, 'utf8')).split('\n')[0]).toMatch(/,validationLoss,crossEntropy,divergence$/)
})

test('there is no point where there is no file', async () => {
  expect(await new Curve(join(folder, 'none.csv')).read()).toEqual([])
})

test('a chart shows both losses between its axes, on either scale, however many points there are', () => {
  for (const logX of [false, true])
    for (const count of [0, 1, 2, 30, 20_000]) {
      const svg = chart(points(1, count), { title: 'width < 256 & more', logX })
      expect(svg).toContain('width &#60; 256 &#38; more')
      expect(svg).not.toMatch(/NaN|Infinity|undefined/)
      expect(svg.length).toBeLessThan(150_000)
      const [, training] = /<path d="([^"]*)" fill="none" stroke="#3b82f6"/.exec(svg)!
      const ys = Array.from(training.matchAll(/ ([\d.]+)/g), ([, y]) => Number(y))
      // A falling loss falls on the page: larger y is lower.
      for (let i = 1; i < ys.length; i++) expect(ys[i]).toBeGreaterThanOrEqual(ys[i - 1])
      for (const y of ys) expect(y >= 40 && y <= 375).toBe(true)
      expect(svg.split('<circle').length - 1).toBe(Math.floor(count / 10))
    }
})
