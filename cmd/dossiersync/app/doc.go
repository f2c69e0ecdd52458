// Package app is the application: it joins the packages of the module as a
// configuration says, and runs them. The commands, the tests of the whole product
// and the bench use it, so that none of them wires anything by itself.
package app
