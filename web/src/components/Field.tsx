import { type InputHTMLAttributes, type SelectHTMLAttributes, useId } from 'react'
import './controls.css'
import { Icon } from './Icon'

/** A labelled input with a hint below it, which screen readers read with it. */
export function Field({
  label,
  hint,
  ...rest
}: { label: string; hint?: string } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} className="input" aria-describedby={hint ? `${id}-hint` : undefined} {...rest} />
      {hint && (
        <span id={`${id}-hint`} className="field__hint">
          {hint}
        </span>
      )}
    </div>
  )
}

/** A native select, which every device supports well; the label is for screen readers. */
export function Select({
  label,
  children,
  ...rest
}: { label: string } & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <span className="select-wrap">
      <select aria-label={label} className="select" {...rest}>
        {children}
      </select>
      <Icon name="chevron" size={14} />
    </span>
  )
}
