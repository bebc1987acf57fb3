import { useRef, useState } from 'react'
import { Button } from './Button'
import './copy.css'
import { Icon } from './Icon'

/** Text with a button that copies it. */
export function Snippet({ text, label, line = false }: { text: string; label: string; line?: boolean }) {
  const code = useRef<HTMLElement>(null)
  const [hint, setHint] = useState<'Copy' | 'Copied' | 'Press Ctrl+C'>('Copy')

  async function copy() {
    try {
      await navigator.clipboard.writeText(text)
      setHint('Copied')
    } catch {
      // Over plain HTTP, browsers deny access to the clipboard: select the text for the user to copy.
      if (code.current) getSelection()?.selectAllChildren(code.current)
      setHint('Press Ctrl+C')
    }
  }

  return (
    <div className={line ? 'snippet snippet--line' : 'snippet'}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section className="snippet__text" tabIndex={0} aria-label={label}>
        <pre>
          <code ref={code}>{text}</code>
        </pre>
      </section>
      <Button look="small" onClick={copy} onBlur={() => setHint('Copy')} aria-label={`${hint}: ${label}`}>
        <Icon name={hint === 'Copied' ? 'check' : 'copy'} size={13} />
        <span aria-live="polite">{hint}</span>
      </Button>
    </div>
  )
}
