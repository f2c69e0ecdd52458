// Package console draws the operators' pages: HTML that works without a script, one stylesheet, and
// htmx to update the parts of a page that change. It only draws: package ops decides who may see
// and do what, and passes it the content (view.go). Templates are in templates/, and their
// functions in funcs.go and words.go.
//
// No page contains a script or style of its own, so that its content security policy can forbid
// both. No page contains text of a dossier.
package console
