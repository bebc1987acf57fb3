// The time ranges to choose from, as they appear in URLs.

export const RANGES = ['1h', '6h', '24h', '7d'] as const
export type Range = (typeof RANGES)[number]

export const SPANS = ['1h', '24h', '7d', '30d'] as const
export type Span = (typeof SPANS)[number]

export const HOURS = { '1h': 1, '6h': 6, '24h': 24, '7d': 168, '30d': 720 } as const satisfies Record<
  Range | Span,
  number
>

export const RANGE_WORDS = {
  '1h': 'hour',
  '6h': '6 hours',
  '24h': '24 hours',
  '7d': '7 days',
  '30d': '30 days',
} as const satisfies Record<Range | Span, string>

export const SORTS = ['last_seen', 'first_seen', 'events', 'level'] as const
export type Sort = (typeof SORTS)[number]
