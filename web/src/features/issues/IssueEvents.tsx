import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { eventsQuery } from '@/api/issues'
import type { Event, IssueDetail } from '@/api/model'
import { Button } from '@/components/Button'
import { Icon } from '@/components/Icon'
import { LevelBadge } from '@/components/marks'
import { Card, EmptyState, ErrorNotice, SkeletonRows } from '@/components/states'
import { Time } from '@/components/Time'
import { EventView, firstLine } from './EventView'

/** One event in full, the newest unless the URL names another, and the list to choose from. */
export function IssueEvents({ issue }: { issue: IssueDetail }) {
  const { event: wanted } = useSearch({ from: '/app/issues/$id' })
  const navigate = useNavigate()
  const query = useInfiniteQuery(eventsQuery(issue.id))
  const events = useMemo(() => query.data?.pages.flatMap(({ items }) => items) ?? [], [query.data])
  // The event being read stays; events that arrive meanwhile are behind "Newer".
  const [kept, setKept] = useState(issue.latest_event ?? events[0])
  if (!kept && events[0]) setKept(events[0])
  const index = events.findIndex(({ id }) => id === (wanted ?? kept?.id))
  const isElsewhere = wanted !== undefined && index === -1 && query.isSuccess
  const shown = events[index] ?? (wanted === undefined ? kept : events[0]) ?? null
  const isLatest = shown === (events[0] ?? shown)

  function show(event: Event | undefined) {
    if (!event) return
    setKept(event)
    void navigate({
      from: '/issues/$id',
      to: '/issues/$id',
      params: { id: issue.id },
      search: (before) => ({ ...before, event: event.id === events[0]?.id ? undefined : event.id }),
      replace: true,
      resetScroll: false,
    })
  }

  async function showOlder() {
    if (index + 1 < events.length) return show(events[index + 1])
    const { data } = await query.fetchNextPage()
    show(data?.pages.flatMap(({ items }) => items)[index + 1])
  }

  if (!shown) {
    if (query.isPending) return <SkeletonRows what="the event" rows={4} />
    return (
      <Card title="Event">
        <ErrorNotice error={query.error} retry={() => query.refetch()} />
        <EmptyState icon="clock" title="Its events are gone">
          <p>They are older than the project keeps events. The issue and its counts stay.</p>
        </EmptyState>
      </Card>
    )
  }

  const steps = (
    <div className="row">
      <Button look="small" onClick={() => show(events[Math.max(index - 1, 0)])} disabled={isLatest}>
        <Icon name="left" size={13} /> Newer
      </Button>
      <Button
        look="small"
        onClick={showOlder}
        disabled={(index + 1 >= events.length && !query.hasNextPage) || query.isFetchingNextPage}
      >
        Older <Icon name="right" size={13} />
      </Button>
    </div>
  )
  return (
    <>
      <Card title={isLatest ? 'Latest event' : 'Event'} side={steps} flush>
        {isElsewhere && (
          <div className="notice">
            The event of this link is further back than the list below; this is the latest one.
          </div>
        )}
        <EventView event={shown} source={issue.sources.find(({ id }) => id === shown.source_id)?.name} />
      </Card>
      <Card title="Events" flush>
        <ErrorNotice error={query.error} retry={() => query.refetch()} />
        <ol className="events" aria-label="Events">
          {events.map((event) => (
            <li key={event.id}>
              <button
                type="button"
                className="events__row"
                data-row
                aria-pressed={event === shown}
                onClick={() => show(event)}
              >
                <LevelBadge level={event.level} />
                <span className="ellipsis mono">{firstLine(event.message)}</span>
                <span className="muted">
                  <Time at={event.occurred_at} />
                </span>
              </button>
            </li>
          ))}
        </ol>
        {query.hasNextPage && (
          <div className="events__more">
            <Button look="small" onClick={() => query.fetchNextPage()} disabled={query.isFetchingNextPage}>
              {query.isFetchingNextPage ? 'Loading…' : 'Load more events'}
            </Button>
          </div>
        )}
      </Card>
    </>
  )
}
