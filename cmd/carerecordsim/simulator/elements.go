package simulator

import (
	"bytes"
	"slices"

	"dossiersync/cmd/carerecordsim/archive"
)

// subsetted is the tag of a resource with elements left out.
const subsetted = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// writeElements writes these elements of a resource, and always type, id and meta.
func writeElements(b *bytes.Buffer, body []byte, elements []string) {
	separator := byte('{')
	for quoted, value := range archive.Members(body) {
		name := string(quoted[1 : len(quoted)-1])
		if name != "resourceType" && name != "id" && name != "meta" && !slices.Contains(elements, name) {
			continue
		}
		b.WriteByte(separator)
		separator = ','
		b.Write(quoted)
		b.WriteByte(':')
		if name == "meta" {
			writeSubsetted(b, value)
		} else {
			b.Write(value)
		}
	}
	b.WriteByte('}')
}

// writeSubsetted writes meta with the tag.
func writeSubsetted(b *bytes.Buffer, meta []byte) {
	tags := []byte("[]")
	b.WriteByte('{')
	for name, value := range archive.Members(meta) {
		if string(name) == `"tag"` {
			tags = value
			continue
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
		b.WriteByte(',')
	}
	b.WriteString(`"tag":`)
	b.Write(tags[:len(tags)-1])
	if len(tags) > len("[]") {
		b.WriteByte(',')
	}
	b.WriteString(subsetted + `]}`)
}
