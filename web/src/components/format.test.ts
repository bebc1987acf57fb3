import { describe, expect, it } from 'vitest'
import { bytes, change, compact, counted, duration, relative } from './format'

const NOW = Date.parse('2026-11-21T12:00:00Z')

describe('numbers and times in words', () => {
  it.each([
    [NOW - 3_000, 'just now'],
    [NOW + 30_000, 'just now'],
    [NOW - 42_000, '42 s ago'],
    [NOW - 5 * 60_000, '5 min ago'],
    [NOW - 3 * 3_600_000, '3 h ago'],
    [NOW - 50 * 3_600_000, '2 d ago'],
    [NOW - 70 * 86_400_000, '2 mo ago'],
    [NOW + 3 * 3_600_000, 'in 3 h'],
  ])('%s is %s', (time, words) => expect(relative(time, NOW)).toBe(words))

  it.each([
    [20, 10, '100%', 'up'],
    [5, 10, '50%', 'down'],
    [10, 10, 'no change', 'same'],
    [0, 0, 'no change', 'same'],
    [3_000, 10, '300×', 'up'],
  ])('%s after %s is %s', (now, before, text, direction) =>
    expect(change(now, before)).toEqual({ text, direction }),
  )

  it('compares with nothing when there was nothing', () => expect(change(3, 0)).toBeNull())

  it('counts, sizes and durations read naturally', () => {
    expect([counted(1, 'event'), counted(2_000, 'event')]).toEqual(['1 event', '2,000 events'])
    expect([compact(9_999), compact(12_345)]).toEqual(['9,999', '12.3K'])
    expect([bytes(0), bytes(512), bytes(1_500), bytes(20_000_000)]).toEqual([
      '0 B',
      '512 B',
      '1.5 kB',
      '20 MB',
    ])
    expect([duration(90), duration(1_200), duration(240_000)]).toEqual(['90 ms', '1.2 s', '4 min'])
  })
})
