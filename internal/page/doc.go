// Package page is the page that shows how an echod is doing: what it has done in
// the last ten minutes, and what it is doing now. It knows nothing of engines: it
// is given samples, and draws them.
package page
