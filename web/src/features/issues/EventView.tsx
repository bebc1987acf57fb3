import type { Event } from '@/api/model'
import { absolute } from '@/components/format'
import { Time } from '@/components/Time'
import { StackTrace } from './StackTrace'
import './event.css'

/** One event in full: message, stack trace and attributes. */
export function EventView({ event, source }: { event: Event; source?: string }) {
  const { exception } = event
  // In a log, the lines after the first are the stack trace, which is shown below.
  const message = exception ? firstLine(event.message) : event.message
  const asLogged = event.message === message ? undefined : event.message
  const attributes = flattened(event.attributes ?? {})
  const isSaidTwice =
    exception?.message != null &&
    message.includes(exception.message) &&
    message.length < exception.message.length + 80
  return (
    <div className="event">
      <p className="event__when small muted">
        <Time at={event.occurred_at} /> · {absolute(event.occurred_at)}
        {source && ` · ${source}`}
        {event.logger && (
          <>
            {' · '}
            <code>{event.logger}</code>
          </>
        )}
      </p>
      {!isSaidTwice && (
        <section aria-label="Message">
          <pre className="event__message">{message}</pre>
        </section>
      )}
      {exception && <StackTrace exception={exception} asLogged={asLogged} />}
      {attributes.length > 0 && (
        <section aria-label="Attributes">
          <h3>Attributes</h3>
          <table className="attributes">
            <tbody>
              {attributes.map(([name, value]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{value}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  )
}

export const firstLine = (message: string) => message.split('\n', 1)[0] ?? ''

/** Nested attributes under dotted names, as people search for them. */
export function flattened(value: unknown, name = ''): [name: string, value: string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value)
      .sort(([a], [b]) => a.localeCompare(b))
      .flatMap(([key, inner]) => flattened(inner, name ? `${name}.${key}` : key))
  }
  return [[name, typeof value === 'string' ? value : JSON.stringify(value)]]
}
