import type { ButtonHTMLAttributes } from 'react'
import './controls.css'

type Look = 'primary' | 'quiet' | 'danger' | 'small' | 'icon'

/** The classes of a button, for links that look like one. */
export function buttonClass(...looks: Look[]): string {
  return ['button', ...looks.map((look) => `button--${look}`)].join(' ')
}

export function Button({
  look = [],
  className,
  type = 'button',
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { look?: Look | Look[] }) {
  return (
    <button
      type={type}
      className={[buttonClass(...[look].flat()), className].filter(Boolean).join(' ')}
      {...rest}
    />
  )
}
