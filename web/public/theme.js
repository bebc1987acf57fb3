// Sets the chosen theme before the first paint. It is a file of its own because the content security policy
// allows no inline script.
try {
  const theme = localStorage.getItem('squall.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is refused: the system's theme it is.
}
