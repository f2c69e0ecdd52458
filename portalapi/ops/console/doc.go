// Package console draws the operators' pages: HTML that is whole without a
// script, one stylesheet, and htmx to keep what moves up to date. It only draws:
// who may see what, and what happens on a press of a button, is decided in
// package ops, which gives it what to draw.
//
// Nothing in a page is a script or a style of its own, so that the policy sent
// with it can forbid both, and nothing that is written in a dossier is on any.
package console
