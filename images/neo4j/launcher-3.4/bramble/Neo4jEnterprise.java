/* SPDX-License-Identifier: GPL-3.0-or-later */
package bramble;

import org.neo4j.kernel.GraphDatabaseDependencies;
import org.neo4j.kernel.configuration.Config;
import org.neo4j.logging.LogProvider;
import org.neo4j.server.CommunityBootstrapper;
import org.neo4j.server.NeoServer;
import org.neo4j.server.ServerBootstrapper;
import org.neo4j.server.enterprise.OpenEnterpriseNeoServer;

/** Starts Neo4j 3.4 Enterprise, as the launcher for 3.5 does: the classes it is made of had other places. */
public final class Neo4jEnterprise extends CommunityBootstrapper {
	@Override
	protected NeoServer createNeoServer(Config config, GraphDatabaseDependencies dependencies, LogProvider log) {
		return new OpenEnterpriseNeoServer(config, dependencies, log);
	}

	public static void main(String[] args) {
		int status = ServerBootstrapper.start(new Neo4jEnterprise(), args);

		if (status != OK) {
			System.exit(status);
		}
	}
}
