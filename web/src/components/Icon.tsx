import type { SVGProps } from 'react'

const PATHS = {
  overview: 'M3 13V9m5 4V3m5 10V6',
  issues:
    'M8 5v3.5m0 2.2v.05M7 2.6 1.9 11.4A1.2 1.2 0 0 0 3 13.2h10a1.2 1.2 0 0 0 1.1-1.8L9 2.6a1.2 1.2 0 0 0-2 0Z',
  sources:
    'M2.5 4c0-1.1 2.5-2 5.5-2s5.5.9 5.5 2-2.5 2-5.5 2-5.5-.9-5.5-2Zm0 0v8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2V4M2.5 8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2',
  settings:
    'M2 4.5h6m4 0h2m-12 7h2m4 0h6M10 2.8a1.7 1.7 0 1 1 0 3.4 1.7 1.7 0 0 1 0-3.4Zm-4 7a1.7 1.7 0 1 1 0 3.4 1.7 1.7 0 0 1 0-3.4Z',
  status: 'M1.5 8h3l2-5 3 10 2-5h3',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9Zm3.3 7.8 3.2 3.2',
  copy: 'M5.5 5.5h7a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1Zm-2.6 5h-.4a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h7a1 1 0 0 1 1 1v.4',
  check: 'm3 8.5 3.3 3.3L13 5',
  chevron: 'm4.5 6.5 3.5 3.5 3.5-3.5',
  left: 'M10 3.5 5.5 8l4.5 4.5',
  right: 'M6 3.5 10.5 8 6 12.5',
  sun: 'M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6ZM8 1v1.4m0 11.2V15M1 8h1.4m11.2 0H15M3 3l1 1m8 8 1 1m0-10-1 1m-8 8-1 1',
  moon: 'M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z',
  system:
    'M2.5 3h11a.8.8 0 0 1 .8.8v6.4a.8.8 0 0 1-.8.8h-11a.8.8 0 0 1-.8-.8V3.8a.8.8 0 0 1 .8-.8ZM5.5 13.5h5',
  out: 'M6 2.5H3.5a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1H6m3.5-3L12 8 9.5 5.5M12 8H6',
  plus: 'M8 3v10M3 8h10',
  close: 'm4 4 8 8m0-8-8 8',
  pause: 'M5.5 3.5v9m5-9v9',
  clock: 'M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8Zm0 3v3.4l2.2 1.4',
  silent:
    'M8 13.5a1.6 1.6 0 0 0 1.5-1M3.5 10.5c1-1 1-2 1-3.5a3.5 3.5 0 0 1 5.6-2.8m1.3 2.3.1.5c0 1.5 0 2.5 1 3.5H6M2 2l12 12',
} as const

export type IconName = keyof typeof PATHS

/** A decorative line drawing of 16 px: the text beside it has the meaning. */
export function Icon({
  name,
  size = 16,
  ...rest
}: { name: IconName; size?: number } & SVGProps<SVGSVGElement>) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      {...rest}
    >
      <path d={PATHS[name]} />
    </svg>
  )
}

export function Logo({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#5b5bd6" />
      <g fill="none" stroke="#fff" strokeWidth="2.75" strokeLinecap="round">
        <path d="M6 12.5h11.5a3.5 3.5 0 1 0-3.4-4.4" />
        <path d="M6 17.5h16a3.5 3.5 0 1 1-3.4 4.4" />
        <path d="M6 22.5h7.5" />
      </g>
    </svg>
  )
}
