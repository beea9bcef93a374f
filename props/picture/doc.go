// Package picture draws a scenario: its networks, hosts and elements, where
// they listen, and the connections between them when all steps are done. It
// answers: what does this scenario look like, and which ports are for
// accepting, which for one peer only?
//
//	fmt.Print(picture.Of(&scenario).Text())
//
// prints, for a proxy and two user agents on one host,
//
//	+--- net lan 10.77.0.0/24
//	|   +-- box -----------------------------------------+
//	+---| lan 10.77.0.1                                  |
//	    | proxy p deliver=flow                           |
//	    |   LISTEN tcp 10.77.0.1:5060, 2 accepted        #<----+
//	    | ua bob via=p [sut]                             |     |
//	    |   LISTEN tcp 10.77.0.1:5072, 1 accepted        #<-+  |
//	    |   ESTAB  tcp 10.77.0.1:* -> p 10.77.0.1:5060   o--|--+
//	    | ua ann via=p                                   |  |  |
//	    |   LISTEN tcp 10.77.0.1:5081                    #  |  |
//	    |   ESTAB  tcp 10.77.0.1:* -> p 10.77.0.1:5060   o--|--+
//	    |   ESTAB  tcp 10.77.0.1:* -> bob 10.77.0.1:5072 o--+
//	    +------------------------------------------------+
//
// and SVG the same as a picture for a page. Both are stacked, networks on the
// left, connections on the right, since only then no label meets another one,
// whatever the scenario. Connections are those that model.Predict and
// linux.Ports predict: nothing is played, and no privilege is needed.
//
// Next: package props, where scenarios are drawn, in the other sense.
package picture
