import type { Health, IssueStatus, Level, Source } from '@/api/model'
import { counted } from './format'
import { Icon, type IconName } from './Icon'
import './marks.css'

/** A level as a word on its colour. */
export function LevelBadge({ level }: { level: Level }) {
  return (
    <span className={`level level--${level}`}>
      <span className="level__dot" aria-hidden="true" />
      {level}
    </span>
  )
}

/** The title of an issue, with its variable parts dimmed. */
export function IssueTitle({ title }: { title: string }) {
  return title.split(/(<\*>)/).map((part, index) => {
    if (part !== '<*>') return part
    return (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text never move.
      <span key={index} className="hole">
        {part}
      </span>
    )
  })
}

type Tone = 'good' | 'bad' | 'warn' | 'calm'

function Word({ tone, icon, children }: { tone: Tone; icon: IconName; children: string }) {
  return (
    <span className={`word word--${tone}`}>
      <Icon name={icon} size={14} />
      {children}
    </span>
  )
}

const HEALTH: Record<Health, [tone: Tone, icon: IconName]> = {
  healthy: ['good', 'check'],
  failing: ['bad', 'issues'],
  silent: ['warn', 'silent'],
  waiting: ['calm', 'clock'],
  disabled: ['calm', 'pause'],
}

/** The health of a source as icon and word, because many people cannot tell colours apart. */
export function HealthMark({ health }: { health: Health }) {
  const [tone, icon] = HEALTH[health]
  return (
    <Word tone={tone} icon={icon}>
      {health}
    </Word>
  )
}

const STATUS: Record<IssueStatus, [tone: Tone, icon: IconName]> = {
  open: ['calm', 'issues'],
  resolved: ['good', 'check'],
  ignored: ['calm', 'silent'],
}

export function StatusMark({ status }: { status: IssueStatus }) {
  const [tone, icon] = STATUS[status]
  return (
    <Word tone={tone} icon={icon}>
      {status}
    </Word>
  )
}

export function OkMark({ ok, good = 'ok', bad = 'failing' }: { ok: boolean; good?: string; bad?: string }) {
  return (
    <Word tone={ok ? 'good' : 'bad'} icon={ok ? 'check' : 'issues'}>
      {ok ? good : bad}
    </Word>
  )
}

/** What a source reads: its pattern, or how events arrive. */
export function sourceReads(source: Pick<Source, 'kind' | 'settings'>): string {
  const { glob } = (source.settings ?? {}) as { glob?: unknown }
  if (typeof glob === 'string') return glob
  return source.kind === 'http' ? 'events pushed with a project key' : source.kind
}

const SPARK = { width: 96, height: 24, bar: 3, step: 4 } as const

/** Counts over time, as small as a word. A single path, because a list has many of these. */
export function Sparkline({
  counts,
  level,
  over = 'the last 24 hours',
}: {
  counts: number[]
  level?: Level
  over?: string
}) {
  const peak = Math.max(1, ...counts)
  const total = counts.reduce((sum, count) => sum + count, 0)
  const at = (index: number) => index * SPARK.step
  const bars = counts
    .map((count, index) => {
      const height = count === 0 ? 0 : Math.max(2, Math.round((count / peak) * (SPARK.height - 2)))
      return height ? `M${at(index)} ${SPARK.height - height}h${SPARK.bar}v${height}h-${SPARK.bar}z` : ''
    })
    .join('')
  const base = counts
    .map((_, index) => `M${at(index)} ${SPARK.height - 1}h${SPARK.bar}v1h-${SPARK.bar}z`)
    .join('')
  return (
    <svg
      className={`spark level--${level ?? 'accent'}`}
      width={SPARK.width}
      height={SPARK.height}
      viewBox={`0 0 ${SPARK.width} ${SPARK.height}`}
      role="img"
      aria-label={`${counted(total, 'event')} in ${over}, at most ${peak === 1 && total === 0 ? 0 : peak} in one bar`}
    >
      <path className="spark__base" d={base} />
      <path className="spark__bars" d={bars} />
    </svg>
  )
}
