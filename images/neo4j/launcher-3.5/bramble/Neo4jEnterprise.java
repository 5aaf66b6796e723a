/* SPDX-License-Identifier: GPL-3.0-or-later */
package bramble;

import org.neo4j.graphdb.facade.GraphDatabaseDependencies;
import org.neo4j.kernel.configuration.Config;
import org.neo4j.server.CommunityBootstrapper;
import org.neo4j.server.NeoServer;
import org.neo4j.server.ServerBootstrapper;
import org.neo4j.server.database.GraphFactory;
import org.neo4j.server.enterprise.OpenEnterpriseNeoServer;

/**
 * Starts Neo4j 3.4 and 3.5 Enterprise. Their published jar holds the server but not the class that starts
 * it; earlier versions had one (OpenEnterpriseEntryPoint) that did just this.
 */
public final class Neo4jEnterprise extends CommunityBootstrapper {
	@Override
	protected NeoServer createNeoServer(GraphFactory unused, Config config, GraphDatabaseDependencies dependencies) {
		return new OpenEnterpriseNeoServer(config, dependencies);
	}

	public static void main(String[] args) {
		int status = ServerBootstrapper.start(new Neo4jEnterprise(), args);

		if (status != OK) {
			System.exit(status);
		}
	}
}
