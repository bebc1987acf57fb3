// Numbers, times and sizes as text. All pure: the current time is passed in.

const GROUPED = new Intl.NumberFormat('en-US')
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

/** 12,345 */
export const grouped = (n: number) => GROUPED.format(n)
/** 12.3K from ten thousand on, 9,876 below. */
export const compact = (n: number) => (Math.abs(n) < 10_000 ? GROUPED.format(n) : COMPACT.format(n))
/** 1 event, 2 events */
export const counted = (n: number, noun: string) => `${grouped(n)} ${noun}${n === 1 ? '' : 's'}`

const STEPS: [seconds: number, unit: string][] = [
  [86_400 * 365, 'y'],
  [86_400 * 30, 'mo'],
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
]

/** just now, 5 min ago, 3 h ago, in 2 d */
export function relative(time: string | number | Date, now: number): string {
  const seconds = Math.round((now - new Date(time).getTime()) / 1000)
  const distance = Math.abs(seconds)
  const step = STEPS.find(([length]) => distance >= length)
  if (!step) return distance < 10 || seconds < 0 ? 'just now' : `${distance} s ago`
  const text = `${Math.floor(distance / step[0])} ${step[1]}`
  return seconds >= 0 ? `${text} ago` : `in ${text}`
}

const ABSOLUTE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/** 21 Nov 2025, 14:03:07 in the time zone of the browser. */
export const absolute = (time: string | number | Date) => ABSOLUTE.format(new Date(time))

/** 512 B, 1.5 kB, 20 MB */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = n < 1 ? 0 : Math.min(Math.floor(Math.log10(n) / 3), units.length - 1)
  const value = n / 1000 ** power
  return `${value >= 10 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

/** 90 ms, 1.2 s, 3 min */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`
}

/** The change from the previous window; null if there is nothing to compare with. */
export function change(
  now: number,
  before: number,
): { text: string; direction: 'up' | 'down' | 'same' } | null {
  if (before === 0) return now === 0 ? { text: 'no change', direction: 'same' } : null
  const percent = Math.round(((now - before) / before) * 100)
  if (percent === 0) return { text: 'no change', direction: 'same' }
  const size = Math.abs(percent)
  return {
    text: size > 999 ? `${compact(Math.round(now / before))}×` : `${size}%`,
    direction: percent > 0 ? 'up' : 'down',
  }
}
