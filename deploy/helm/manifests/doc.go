// Package manifests checks the Helm chart beside it. It is a module of its own, so that the product
// does not depend on the modules of Kubernetes.
package manifests
