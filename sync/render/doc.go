// Package render turns the content of items into the JSON that the portal API
// serves (portalapi/openapi.yaml), and back again, so that an item can be rendered
// anew when a record that it names has changed. What it produces depends on the
// tenant's rules, never on a reader's rights.
package render
