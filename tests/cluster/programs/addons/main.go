// Package main is what a cluster has beside Kubernetes itself, in one program: nbaddons coredns|metrics-server|registry|crane.
package main

import (
	"fmt"
	"os"

	_ "github.com/coredns/coredns/core/plugin"
	"github.com/coredns/coredns/coremain"
	crane "github.com/google/go-containerregistry/cmd/crane/cmd"
	genericapiserver "k8s.io/apiserver/pkg/server"
	metrics "sigs.k8s.io/metrics-server/cmd/metrics-server/app"
)

func main() {
	if len(os.Args) < 2 {
		os.Args = append(os.Args, "")
	}
	os.Args = os.Args[1:]
	var err error
	switch os.Args[0] {
	case "coredns":
		coremain.Run()
	case "metrics-server":
		err = metrics.NewMetricsServerCommand(genericapiserver.SetupSignalHandler()).Execute()
	case "registry":
		err = serveRegistry(os.Args[1:])
	case "crane":
		err = crane.New("crane", "images in registries", nil).Execute()
	default:
		err = fmt.Errorf("usage: nbaddons coredns|metrics-server|registry|crane [flags]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nbaddons:", err)
		os.Exit(1)
	}
}
