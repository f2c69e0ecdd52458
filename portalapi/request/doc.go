// Package request reads what a request brings, strictly: what is unknown, given
// twice, of the wrong kind or too large is refused with a problem that names the
// parameter and never repeats its value.
package request
