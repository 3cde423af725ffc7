-- The shop of scripts/demo, and the accounts that sheetwire reads and writes with (their passwords: docker/db-password, docker/writer-password).
SET NAMES utf8mb4;
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(80) NOT NULL, email VARCHAR(120), since DATE);
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer_id INT NOT NULL, status ENUM('new','paid','sent','done') NOT NULL,
  total DECIMAL(10,2) NOT NULL, due_on DATE, note VARCHAR(200), changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE stock (sku VARCHAR(20) PRIMARY KEY, title VARCHAR(80) NOT NULL, quantity INT NOT NULL, price DECIMAL(8,2), barcode BIGINT UNSIGNED);
INSERT INTO customers (name, email, since) VALUES ('Ada', 'ada@example.org', '2024-02-29'), ('Grace', NULL, '2023-12-01'), ('Edsger', '', '2022-05-11');
INSERT INTO orders (customer_id, status, total, due_on, note) VALUES (1,'new',19.90,'2026-12-01','gift wrap'), (2,'paid',250.00,NULL,'=1+1 is text here'),
  (1,'sent',7.50,'2026-11-24',NULL), (3,'done',1200.10,'2026-10-01','007');
INSERT INTO stock VALUES ('A-1','Anvil',12,99.90,4006381333931), ('B-7','Bolt M8',4000,0.12,NULL), ('C-3','Crate',55,14.00,18446744073709551615);

CREATE USER 'sheetwire'@'%' IDENTIFIED BY 'demo-reader-password' REQUIRE SSL;
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'sheetwire'@'%';
GRANT SELECT ON shop.* TO 'sheetwire'@'%';
CREATE USER 'sheetwire_writer'@'%' IDENTIFIED BY 'demo-writer-password' REQUIRE SSL;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.orders TO 'sheetwire_writer'@'%';
GRANT SELECT, INSERT, UPDATE ON shop.customers TO 'sheetwire_writer'@'%';
