// Package web is shared by the portal's API and the operators' API: it reads requests strictly
// (query.go, body.go, listbody.go) and answers errors with problem documents (problem.go, RFC
// 9457).
//
// Strict means that an unknown or repeated parameter or field is an error, never ignored. Bodies
// have a limit of bytes; a list too long for memory is read element by element ([ListBody]).
//
// Titles and details of problems are Dutch, so that a portal can show them to people. They hold
// nothing from the request or the database, except the name of a parameter if it looks like a name.
package web
