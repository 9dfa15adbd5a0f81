export { type Bar, speedupBars } from './bars.ts'
export { acceptanceLines, type Series } from './lines.ts'
export { type Shares, timeShares } from './shares.ts'
export { escaped } from './svg.ts'
