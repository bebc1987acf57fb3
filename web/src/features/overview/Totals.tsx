import type { Statistics } from '@/api/model'
import { change, compact, grouped } from '@/components/format'
import { RANGE_WORDS, type Range } from '@/components/ranges'

/** Whether an increase is bad or neutral. */
type Kind = 'bad' | 'plain'

/** The totals of the window, each compared with the previous window. */
export function Totals({
  statistics: { totals, previous },
  range,
}: {
  statistics: Statistics
  range: Range
}) {
  const failing = totals.sources_failing
  return (
    <dl className="totals">
      <Total name="Events" value={totals.events} before={previous.events} range={range} kind="plain" />
      <Total name="Errors" value={totals.errors} before={previous.errors} range={range} kind="bad" />
      <Total
        name="New issues"
        value={totals.issues_new}
        before={previous.issues_new}
        range={range}
        kind="bad"
      />
      <div className="total">
        <dt>Sources failing</dt>
        <dd className="total__value">{grouped(failing)}</dd>
        <dd className={failing > 0 ? 'total__change total__change--bad' : 'total__change'}>
          of {grouped(totals.sources)}
          {failing > 0 ? ', see Sources' : ''}
        </dd>
      </div>
    </dl>
  )
}

function Total({
  name,
  value,
  before,
  range,
  kind,
}: {
  name: string
  value: number
  before: number
  range: Range
  kind: Kind
}) {
  const changed = change(value, before)
  const tone =
    kind === 'plain' || !changed || changed.direction === 'same'
      ? ''
      : changed.direction === 'up'
        ? ' total__change--bad'
        : ' total__change--good'
  const arrow = changed?.direction === 'up' ? '↑ ' : changed?.direction === 'down' ? '↓ ' : ''
  const spoken = changed?.direction === 'up' ? 'up ' : changed?.direction === 'down' ? 'down ' : ''
  return (
    <div className="total">
      <dt>{name}</dt>
      <dd className="total__value" title={grouped(value)}>
        {compact(value)}
      </dd>
      <dd className={`total__change${tone}`} title={`${grouped(before)} in the ${RANGE_WORDS[range]} before`}>
        {changed ? (
          <>
            <span aria-hidden="true">{arrow}</span>
            <span className="hidden-visually">{spoken}</span>
            {changed.text}
            <span className="total__than"> vs previous {RANGE_WORDS[range]}</span>
          </>
        ) : (
          `none in the previous ${RANGE_WORDS[range]}`
        )}
      </dd>
    </div>
  )
}

export function TotalsLoading({ range }: { range: Range }) {
  return (
    <div className="totals" role="status" aria-label={`Loading the totals of the last ${RANGE_WORDS[range]}`}>
      {['Events', 'Errors', 'New issues', 'Sources failing'].map((name) => (
        <div key={name} className="total">
          <span className="total__name">{name}</span>
          <span className="total__value">
            <span className="skeleton skeleton--title" />
          </span>
          <span className="total__change">&nbsp;</span>
        </div>
      ))}
    </div>
  )
}
