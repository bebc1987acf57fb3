import { useMemo, useState } from 'react'
import type { Exception, Frame } from '@/api/model'
import { counted } from '@/components/format'

/** An exception, innermost frame first. Application frames are highlighted, library frames are folded. */
export function StackTrace({ exception, asLogged }: { exception: Exception; asLogged?: string }) {
  const frames = useMemo(() => [...(exception.frames ?? [])].reverse(), [exception.frames])
  const runs = useMemo(() => inRuns(frames), [frames])
  const text = (exception.stacktrace ?? asLogged)?.trim()
  const [wantsText, setWantsText] = useState(false)
  const asText = text && (wantsText || frames.length === 0)
  return (
    <section aria-label="Stack trace">
      <div className="row spread">
        <h3>Stack trace</h3>
        {text && frames.length > 0 && (
          <span className="segments segments--small">
            <button type="button" aria-pressed={!wantsText} onClick={() => setWantsText(false)}>
              Frames
            </button>
            <button type="button" aria-pressed={wantsText} onClick={() => setWantsText(true)}>
              Text
            </button>
          </span>
        )}
      </div>
      <p className="trace__what">
        {exception.type && <b>{exception.type}</b>}
        {exception.message && <span>{exception.message}</span>}
      </p>
      {asText ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        <section className="trace__text" tabIndex={0} aria-label="Stack trace as text">
          <pre>{text}</pre>
        </section>
      ) : (
        <ol className="trace" aria-label="Frames, innermost first">
          {runs.map((run) =>
            run.isFolded ? (
              <li key={run.start}>
                <details>
                  <summary>{counted(run.frames.length, 'library frame')}</summary>
                  <ol>
                    <FrameLines run={run} />
                  </ol>
                </details>
              </li>
            ) : (
              <FrameLines key={run.start} run={run} />
            ),
          )}
        </ol>
      )}
    </section>
  )
}

function FrameLines({ run }: { run: Run }) {
  // biome-ignore lint/suspicious/noArrayIndexKey: the frames of an event never move, and equal ones may repeat.
  return run.frames.map((frame, index) => <FrameLine key={index} frame={frame} />)
}

function FrameLine({ frame }: { frame: Frame }) {
  return (
    <li className={frame.in_app ? 'trace__frame trace__frame--own' : 'trace__frame'}>
      <code className="trace__function">
        {[frame.module, frame.function].filter(Boolean).join('.') || '(anonymous)'}
      </code>
      {frame.file && (
        <code className="trace__place">
          {frame.file}
          {frame.line != null && <b>:{frame.line}</b>}
        </code>
      )}
      {frame.in_app && <span className="hidden-visually">in-app</span>}
    </li>
  )
}

type Run = { start: number; frames: Frame[]; isFolded: boolean }

/** Groups of application and library frames. A single library frame is not folded: that would save no space. */
export function inRuns(frames: Frame[]): Run[] {
  const hasOwn = frames.some(({ in_app }) => in_app)
  const runs: Run[] = []
  frames.forEach((frame, start) => {
    const last = runs.at(-1)
    if (last && Boolean(last.frames[0]?.in_app) === Boolean(frame.in_app)) last.frames.push(frame)
    else runs.push({ start, frames: [frame], isFolded: false })
  })
  return runs.map((run) => ({ ...run, isFolded: hasOwn && !run.frames[0]?.in_app && run.frames.length > 1 }))
}
