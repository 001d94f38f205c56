package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"sagasu/coordinator"
	"sagasu/coordinator/state"
	"sagasu/internal/gossip"
)

// The ports of calls between nodes and of gossip where none are given.
const (
	rpcPort    = "7947"
	gossipPort = "7946"
)

// gossipKeyBytes is the length of the key that encrypts gossip: AES-256.
const gossipKeyBytes = 32

// clusterConfig gives how a node meets others; nil for one on its own, which is what a configuration without
// any of the cluster's settings means.
func clusterConfig(conf *configuration) (*coordinator.ClusterConfig, error) {
	alone := conf.get("role") == defaultRoles
	for _, key := range []string{"rpc-addr", "gossip-addr", "join", "coordinators"} {
		alone = alone && conf.get(key) == ""
	}
	if alone {
		return nil, nil
	}
	c := &coordinator.ClusterConfig{
		RPCAddr: conf.get("rpc-addr"), GossipAddr: conf.get("gossip-addr"), AdvertiseHost: conf.get("advertise-host"),
		Join: splitList(conf.get("join")),
	}
	if c.RPCAddr == "" {
		c.RPCAddr = net.JoinHostPort("127.0.0.1", rpcPort)
	}
	if c.GossipAddr == "" {
		host, _, err := net.SplitHostPort(c.RPCAddr)
		if err != nil {
			return nil, usageError("rpc-addr: %w", err)
		}
		c.GossipAddr = net.JoinHostPort(host, gossipPort)
	}
	switch text := conf.get("coordinators"); {
	case text != "":
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, usageError("coordinators: %w", err)
		}
		c.Expect = n
	case len(c.Join) == 0:
		c.Expect = 1
	}
	if !strings.Contains(conf.get("role"), string(state.RoleCoordinator)) {
		c.Expect = 0
	}
	var err error
	c.Key, err = readGossipKey(conf.get("gossip-key-file"))
	return c, err
}

// readGossipKey reads the key's file; none is no key.
func readGossipKey(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError("gossip-key-file: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != gossipKeyBytes {
		return nil, usageError("gossip-key-file %s does not hold %d bytes in base64; make one with: "+
			"head -c %d /dev/urandom | base64", path, gossipKeyBytes, gossipKeyBytes)
	}
	return key, nil
}

func splitList(text string) []string {
	var out []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func roles(text string) []state.Role {
	var out []state.Role
	for _, name := range splitList(text) {
		out = append(out, state.Role(name))
	}
	return out
}

func checkRoles(v string) error {
	for _, r := range roles(v) {
		switch r {
		case state.RoleCoordinator, state.RoleShard, state.RoleGateway:
		default:
			return fmt.Errorf("%q is none of %s, %s and %s", r, state.RoleCoordinator, state.RoleShard, state.RoleGateway)
		}
	}
	if len(roles(v)) == 0 {
		return errors.New("is empty")
	}
	return nil
}

func checkFounders(v string) error {
	switch v {
	case "", "1", "3", "5":
		return nil
	}
	return fmt.Errorf("%q must be 1, 3 or 5", v)
}

func checkJoin(v string) error {
	_, err := gossip.ParseJoin(splitList(v))
	return err
}
