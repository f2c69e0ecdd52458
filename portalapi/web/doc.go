// Package web is what the portal's API and the operators' API share: reading
// requests strictly, and answering errors as problem documents (RFC 9457).
//
// Titles and details of problems are Dutch, and a portal may show them to people.
// They hold nothing that came with the request or from the database.
package web
