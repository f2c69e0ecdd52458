package fhir

// Reads reports whether resources of the type can be pulled.
func Reads(resourceType string) bool {
	_, ok := kindNamed(resourceType)
	return ok
}
