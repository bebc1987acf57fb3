// The stream of the component tests: a test opens, interrupts and refuses it, and sends messages.
import { act } from '@testing-library/react'
import { vi } from 'vitest'
import type { LiveCounts, LiveIssue } from '@/api/model'

type Messages = {
  'issue.new': LiveIssue
  'issue.changed': LiveIssue
  counts: LiveCounts
  resync: { reason: string }
}

class FakeSource extends EventTarget {
  static readonly CONNECTING = 0
  static readonly OPEN = 1
  static readonly CLOSED = 2
  readyState: number = FakeSource.CONNECTING
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null

  constructor(readonly url: string) {
    super()
    sources.push(this)
  }

  close() {
    this.readyState = FakeSource.CLOSED
  }
}

let sources: FakeSource[] = []
const latest = () => {
  const source = sources.at(-1)
  if (!source) throw new Error('no stream was opened')
  return source
}

/** Gives the browser of this test an EventSource. */
export function stubStream() {
  sources = []
  vi.stubGlobal('EventSource', FakeSource)
  return {
    /** How many were opened, and how many of them are still open. */
    opened: () => sources.length,
    held: () => sources.filter(({ readyState }) => readyState !== FakeSource.CLOSED).length,
    address: () => latest().url,
    open() {
      latest().readyState = FakeSource.OPEN
      act(() => latest().onopen?.())
    },
    interrupt() {
      latest().readyState = FakeSource.CONNECTING
      act(() => latest().onerror?.())
    },
    refuse() {
      latest().readyState = FakeSource.CLOSED
      act(() => latest().onerror?.())
    },
    send<K extends keyof Messages>(name: K, data: Messages[K]) {
      act(() => {
        latest().dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }))
      })
    },
  }
}
