import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useEffectEvent, useState } from 'react'
import { type IssueStatus, LEVELS, type Level } from '@/api/model'
import { sourcesQuery } from '@/api/sources'
import { Select } from '@/components/Field'
import { Icon } from '@/components/Icon'
import { RANGE_WORDS, type Sort, SPANS, type Span } from '@/components/ranges'

export type Filters = {
  level?: Level
  status?: IssueStatus | 'all'
  source?: number
  q?: string
  since?: Span
  sort?: Sort
}

const CHIPS: [label: string, filters: Filters][] = [
  ['Open', {}],
  ['Errors and worse', { level: 'error' }],
  ['Last hour', { since: '1h' }],
  ['New first', { sort: 'first_seen' }],
  ['Most events', { sort: 'events' }],
  ['Resolved', { status: 'resolved' }],
]

const SORT_WORDS: Record<Sort, string> = {
  last_seen: 'Last seen',
  first_seen: 'First seen',
  events: 'Most events',
  level: 'Worst level',
}

type Change = (filters: Filters, replace?: boolean) => void

/** Search, filters and sorting, all of them in the URL. */
export function IssueFilters({
  filters,
  project,
  onChange,
}: {
  filters: Filters
  project?: string
  onChange: Change
}) {
  const { data: sources } = useQuery(sourcesQuery(project))
  return (
    <search className="filters">
      <SearchBox q={filters.q ?? ''} onSearch={(q) => onChange({ q: q || undefined }, true)} />
      <div className="filters__selects">
        <Select
          label="Level"
          value={filters.level ?? ''}
          onChange={({ target }) => onChange({ level: (target.value as Level) || undefined })}
        >
          <option value="">Any level</option>
          {LEVELS.map((level) => (
            <option key={level} value={level}>
              {level === 'fatal' ? 'Fatal' : `${level.charAt(0).toUpperCase()}${level.slice(1)} and worse`}
            </option>
          ))}
        </Select>
        <Select
          label="Status"
          value={filters.status ?? 'open'}
          onChange={({ target }) =>
            onChange({ status: target.value === 'open' ? undefined : (target.value as Filters['status']) })
          }
        >
          <option value="open">Open</option>
          <option value="resolved">Resolved</option>
          <option value="ignored">Ignored</option>
          <option value="all">Any status</option>
        </Select>
        <Select
          label="Source"
          value={filters.source ?? ''}
          onChange={({ target }) => onChange({ source: Number(target.value) || undefined })}
        >
          <option value="">Any source</option>
          {sources?.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
        <Select
          label="Seen since"
          value={filters.since ?? ''}
          onChange={({ target }) => onChange({ since: (target.value as Span) || undefined })}
        >
          <option value="">Any time</option>
          {SPANS.map((span) => (
            <option key={span} value={span}>
              Last {RANGE_WORDS[span]}
            </option>
          ))}
        </Select>
        <Select
          label="Sort by"
          value={filters.sort ?? 'last_seen'}
          onChange={({ target }) =>
            onChange({ sort: target.value === 'last_seen' ? undefined : (target.value as Sort) })
          }
        >
          {Object.entries(SORT_WORDS).map(([sort, words]) => (
            <option key={sort} value={sort}>
              {words}
            </option>
          ))}
        </Select>
      </div>
      <nav className="row" aria-label="Quick filters">
        {CHIPS.map(([label, chip]) => (
          <Link
            key={label}
            to="/issues"
            search={({ project }) => ({ project, ...chip })}
            className="chip"
            activeOptions={{ exact: true }}
          >
            {label}
          </Link>
        ))}
      </nav>
    </search>
  )
}

/** A pause in typing this long starts the search. */
const PAUSE_MS = 200

function SearchBox({ q, onSearch }: { q: string; onSearch: (q: string) => void }) {
  const [text, setText] = useState(q)
  const [known, setKnown] = useState(q)
  const search = useEffectEvent(onSearch)

  // The buttons back, forward and "clear" change the URL from outside.
  if (q !== known) {
    setKnown(q)
    if (q !== text.trim()) setText(q)
  }

  useEffect(() => {
    const wanted = text.trim()
    if (wanted === known) return
    const timer = setTimeout(() => search(wanted), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text, known])

  return (
    <div className="search-box">
      <Icon name="search" />
      <input
        type="search"
        className="input"
        aria-label="Search issues"
        placeholder="Search titles and culprits"
        value={text}
        onChange={({ target }) => setText(target.value)}
        onKeyDown={({ key }) => key === 'Enter' && onSearch(text.trim())}
        data-search
      />
      <span className="kbd" aria-hidden="true">
        /
      </span>
    </div>
  )
}
